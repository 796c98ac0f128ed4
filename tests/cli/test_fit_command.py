"""symgauge fit: what it prints, its record, its status, and wrong input."""

import json
import re
from pathlib import Path

import pytest

from symgauge.cli.main import main
from symgauge.fits import target
from symgauge.fits.fit import Fit, fit
from symgauge.fits.search import Measured
from symgauge.zoo.glu import FULL

#: Beyond two units a ReLU net, below a linear map; `inputs` takes one value.
BOUND = '''
import torch


class Units(torch.nn.Module):
    def __init__(self, n):
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(n, 2))
        self.v = torch.nn.Parameter(torch.randn(n))

    def forward(self, x):
        return torch.relu(x @ self.w.T + 1) @ self.v if len(self.v) > 2 else x @ self.w.T


def factory(n=4, inputs=2):
    torch.manual_seed(0)
    if inputs != 2:
        raise ValueError("two inputs")
    return Units(n), (torch.randn(1, 2),)
'''


def test_the_units_of_a_gate(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["fit", "glu", "--sizes", "hidden_features,in_features", "--json"]) == 0
    record = json.loads(capsys.readouterr().out)
    assert record["polynomial"] == "hidden_features"
    assert record["evidence"] == f"fitted on {len(record['points'])} sizes"
    assert len(record["predictions"]) == 2 and record["kept"] == []
    fresh = {tuple(p["at"]) for p in record["predictions"]}
    assert not fresh & {tuple(p["at"]) for p in record["points"]}


def test_it_never_says_proved(capsys: pytest.CaptureFixture[str]) -> None:
    there = ["--at", "hidden_features=99"]
    assert main(["fit", "glu", "--sizes", "hidden_features", *there]) in (0, 2)
    text = capsys.readouterr().out
    assert "certified sizes, not proved" in text and "redundancy = hidden_features" in text
    assert re.search(r"^at hidden_features = 99: 99, fitted on \d+ sizes, not proved$", text, re.M)
    assert f"in_features is 3 wherever the fit looked, {FULL['in_features']} at the sizes" in text


def test_a_side_without_a_fresh_size_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each unit can be rescaled; below the bound n = 1 and 2 alone are, and go into the fit."""
    file = tmp_path / "bound.py"
    file.write_text(BOUND.replace(" + 1", ""), encoding="utf-8")
    assert main(["fit", f"{file}:factory", "--set", "n=3", "--sizes", "n"]) == 0
    text = capsys.readouterr().out
    assert text.count("as predicted") == 2
    assert "no fresh size was tried" in text and "of 2 fresh" not in text


def test_what_there_was_no_time_for_is_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def first_alone(*_: object, **__: object) -> tuple[Fit, list[str]]:
        sizes: list[tuple[int, ...]] = []

        def derive(at: tuple[int, ...]) -> Measured:
            sizes.append(at)
            return Measured(at[0], True)

        return fit(("h", "d"), ((1, 2, 3), (1, 2, 3)), (2, 2), derive, sum,
                   late=lambda share: share < 1 and len(sizes) > 2), []

    monkeypatch.setattr(target, "fit_target", first_alone)
    assert main(["fit", "glu", "--seconds", "9"]) == 0
    assert "was over (--seconds) before d could be varied" in capsys.readouterr().out
    main(["fit", "glu", "--json"])
    assert json.loads(capsys.readouterr().out)["untried"] == ["d"]


def test_what_does_not_vary_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "bound.py"
    file.write_text(BOUND, encoding="utf-8")
    main(["fit", f"{file}:factory"])
    text = capsys.readouterr().out
    assert "inputs stays 2: the factory takes no three values near it" in text


@pytest.mark.parametrize(("arguments", "said"), [
    (["glu", "--sizes", "heads"], "has no size 'heads'; it has: in_features"),
    (["glu", "--sizes", "bias"], "no integer size"),
    (["nothing"], "nothing"),
    (["glu", "--sizes", ","], "--sizes ,: write"),
    (["glu", "--sizes", "in_features,in_features"], "each size once"),
    (["glu", "--output", "5"], "no output '5'"),
    (["glu", "--at", "heads=2"], "has no size 'heads'; it has: in_features"),
    (["glu", "--at", "in_features"], "--at in_features: write full, or A=N"),
    (["glu", "--at", "in_features=-1"], "--at in_features=-1: write full, or A=N"),
    (["glu", "--at", "in_features=0"], "in_features is 0 there; give it a number"),
    (["glu", "--seconds", "0"], "the time was over"),
], ids=["no such size", "no integer", "no target", "no name", "twice", "no output", "at no size",
        "at no value", "at a negative", "at zero", "no time"])
def test_wrong_input(
    arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["fit", *arguments]) == 3
    out, err = capsys.readouterr()
    assert not out and said in err.splitlines()[-1]


def test_a_factory_that_fails_at_its_own_sizes_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "bound.py"
    file.write_text(BOUND, encoding="utf-8")
    assert main(["fit", f"{file}:factory", "--set", "inputs=3"]) == 3
    out, err = capsys.readouterr()
    assert not out and "failed with ValueError: two inputs" in err.splitlines()[-1]
