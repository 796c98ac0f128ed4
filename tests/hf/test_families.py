"""Models of transformers and torch as they are: the redundancy of each is known (families.csv).

The table's redundancy is P minus the largest rank found, unread coordinates included.
"""

import csv
from pathlib import Path

import pytest
from said_actions import unsaid

from symgauge import Verdict, zoo
from symgauge.capture import load_target
from symgauge.derivation.derive import derive_target

DATA = Path(__file__).parents[1] / "data"
FAMILIES = {row["family"]: row for row in csv.DictReader((DATA / "families.csv").open())}
#: A few seconds each; the others take up to minutes.
QUICK = ("llama", "olmo", "gpt2", "gemma")
#: Directions that no generator explains, at most: what is known to be missed. Less is a gain.
MISSED = {
    "plain_vit": 17,
}
#: Redundancies of the logits alone, which are looked at where a model has others too: the table's
#: note says so.
OF_LOGITS = {"t5": 90}


@pytest.mark.parametrize("name", [
    pytest.param(n, marks=[] if n in QUICK else [pytest.mark.slow]) for n in FAMILIES])
def test_the_known_redundancy(name: str) -> None:
    known = FAMILIES[name]
    target = load_target(f"{DATA / 'families.py'}:{name}", zoo.load)
    if known["vocabulary"]:
        target = target.at({k: int(known[v]) for k, v in (
            ("vocab", "vocabulary"), ("tokens", "tokens"))})
    found = derive_target(target)
    assert found.parameters + found.unread == int(known["P"])
    wanted = OF_LOGITS.get(name, int(known["redundancy"]))
    assert found.redundancy + found.unread == wanted
    assert found.unexplained <= MISSED.get(name, 0)
    assert not [line for f in found.families for line in unsaid(f.formula)]
    if not found.unexplained:
        assert found.verdict is Verdict.PROVED and not found.hypotheses
