"""The second reading of a sweep's steps: it agrees, and refuses a record changed in any field."""

import re
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
import torch
from known_networks import NETWORKS, KnownNetwork
from swept_networks import build, recipe
from sympy import sympify
from torch import Tensor

from symgauge.capture import capture
from symgauge.capture.target import load_target
from symgauge.completeness.complete import AGREES, ASSUMED, ASSUMED_OF_TWO, completeness
from symgauge.facts.ledger import Ledger
from symgauge.program.network import Network
from symgauge.steps.agreement import refusals
from symgauge.steps.unread import Unread
from symgauge.zoo import load

#: Rows of which all steps are established again.
READ = (
    "lin_1h_wide", "lin_2h_taper_nobias", "relu_1h_bias_softmax", "x2_1h_dout1", "exp_2h_bias",
    "reglu_bias", "ln_aff_linear_nobias", "lin_rms_gain_lin_eps0", "att_mha_allbias", "att_gqa",
    "att_sigmoid_allbias", "block_gpt_preln", "bilinear_glu", "bilinear_glu_dout1", "cp_layer",
)
#: Rows that the second reading does not read, and why.
UNREAD = {
    "lm_tied_logits": "tokens", "bn_eval_relu": "without a parameter of their own",
    "att_rope": "read no rows", "att_mla": "something else than a matrix",
}


@cache
def network_of(name: str) -> Network:
    module, args = NETWORKS[name]()
    return capture(module, args).network


@cache
def record_of(name: str) -> dict[str, Any]:
    return dict(completeness(network_of(name)).plain())


@pytest.mark.parametrize("name", READ)
def test_the_steps_are_established(name: str) -> None:
    record = record_of(name)
    assert record["second"] == AGREES and refusals(record, network_of(name)) == []
    assert record["extent"] == "open" or ASSUMED_OF_TWO in record["premises"]


@pytest.mark.parametrize("name", UNREAD)
def test_what_is_not_read_is_said(name: str) -> None:
    record = record_of(name)
    with pytest.raises(Unread, match=UNREAD[name]):
        refusals(record, network_of(name))
    assert record["second"].startswith("not read: ") and ASSUMED_OF_TWO not in record["premises"]
    assert record["extent"] == "open" or ASSUMED in record["premises"]


def more(text: str) -> str:
    """A polynomial plus one."""
    return f"{text} + 1"


def changed(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The record with one of its entries changed by one, each entry in turn."""
    def made(what: str) -> tuple[str, dict[str, Any]]:
        copy = deepcopy(record)
        copies.append(copy)
        return what, copy

    copies: list[dict[str, Any]] = []
    for key in ("bound", "families"):
        yield made(key)
        copies[-1][key] += 1
    yield made("polynomial")
    copies[-1]["polynomial"] = more(record["polynomial"])
    for letter in record["symbols"]:
        yield made(f"symbol {letter}")
        copies[-1]["symbols"][letter] = re.sub(
            r"\d+", lambda m: str(int(m[0]) + 1), record["symbols"][letter], count=1)
    for key in ("range", "unread", "missed", "premises"):
        for k in range(len(record[key])):
            yield made(f"{key} {k} left out")
            copies[-1][key] = [x for j, x in enumerate(record[key]) if j != k]
        yield made(f"{key}: one more")
        copies[-1][key] = [*record[key], "2 <= 3" if key == "range" else "Ax 1971 W"]
    for k, step in enumerate(record["steps"]):
        yield made(f"step {k} left out")
        del copies[-1]["steps"][k]
        yield made(f"step {k} twice")
        copies[-1]["steps"].insert(k, step)
        yield made(f"step {k}: line")
        copies[-1]["steps"][k]["line"] += 1
        yield made(f"step {k}: fact")
        copies[-1]["steps"][k]["fact"] += "s"
        yield made(f"step {k} settles one more")
        copies[-1]["steps"][k]["settles"] = [*step["settles"], "W9"]
        for j in range(len(step["settles"])):
            yield made(f"step {k} settles one less")
            del copies[-1]["steps"][k]["settles"][j]
        for j, free in enumerate(step["free"]):
            yield made(f"step {k}: {free['what']}: one more")
            copies[-1]["steps"][k]["free"][j]["count"] = more(free["count"])
            yield made(f"step {k}: {free['what']}: another name")
            copies[-1]["steps"][k]["free"][j]["what"] += "s"
            yield made(f"step {k}: {free['what']} left out")
            del copies[-1]["steps"][k]["free"][j]
        for j in range(len(step["conditions"])):
            yield made(f"step {k} asks one thing less")
            del copies[-1]["steps"][k]["conditions"][j]


def consistently(record: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Conditions changed wherever they stand, counts and the bound changed together."""
    for c in [x for x in record["range"] if " <= " in x]:
        less, _, greater = c.partition(" <= ")
        for other in (f"{less} + 1 <= {greater}", f"{less} <= {greater} + 1"):
            if not any(_same(other, x) for x in record["range"]):
                yield f"{c} becomes {other}", _replaced(record, c, other)
    for k, step in enumerate(record["steps"]):
        for j in range(len(step["free"])):
            copy = deepcopy(record)
            copy["steps"][k]["free"][j]["count"] += " + 1"
            copy["polynomial"] += " + 1"
            copy["bound"] += 1
            copy["families"] += 1
            yield f"step {k}: one more, and all that follows", copy


def _same(one: str, two: str) -> bool:
    """Whether two inequalities are the same: d <= m - 1 + 1 and d <= m."""
    return " <= " in two and all(
        sympify(a) - sympify(b) == 0
        for a, b in zip(one.split(" <= "), two.split(" <= "), strict=True))


def _replaced(value: Any, old: str, new: str) -> Any:
    if isinstance(value, dict):
        return {k: _replaced(v, old, new) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_replaced(v, old, new) for v in value]
    return new if value == old else value


@pytest.mark.parametrize("name", [
    "lin_1h_wide", "relu_1h_bias_softmax", "lin_rms_gain_lin_eps0", "att_gqa", "block_gpt_preln"])
def test_a_record_changed_in_one_entry_is_refused(name: str) -> None:
    """By the second reading alone: the sweep is not run again."""
    network, record = network_of(name), record_of(name)
    wrong = list(changed(record))
    assert len(wrong) > 20
    passed = [what for what, r in (*wrong, *consistently(record)) if not _refused(r, network)]
    assert passed == []


def _refused(record: dict[str, Any], network: Network) -> bool:
    try:
        return bool(refusals(record, network))
    except Unread:
        return True  # nothing is concluded


@pytest.mark.parametrize("fault", ["key biases", "what reads 1", "the norm's bias", "biases"])
def test_a_planted_fault_of_the_sweep_is_seen(
    fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A sweep that forgets one sort of directions is contradicted: nothing is concluded."""
    free = Ledger.free

    def forgetful(self: Ledger, what: str, size: object) -> None:
        if what != fault:
            free(self, what, size)

    monkeypatch.setattr(Ledger, "free", forgetful)
    found = completeness(network_of("block_gpt_preln"))
    assert found.extent.value == "open" and "disagrees" in found.says


def test_a_wrong_premise_of_the_sweep_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that takes no notice of a matrix that is read twice."""
    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        return torch.tanh(torch.tanh(x @ p.W) @ p.W) @ p.V

    module = KnownNetwork("W:3x3 V:3x2", formula)
    network = capture(module, (torch.ones(1, 3),)).network
    monkeypatch.setattr(
        "symgauge.facts.units.private", lambda sweep, argument: None)
    settle = Ledger.settle
    monkeypatch.setattr(Ledger, "settle", lambda self, given, shared=1: settle(
        self, [p for p in given if p not in self.settled], 9))
    found = completeness(network)
    assert found.stop is None and found.second.startswith("not read: arguments without")


def test_a_product_with_a_constant_is_not_read() -> None:
    """A batch norm without gains in eval mode: one factor of its product has no inputs."""
    norm = torch.nn.BatchNorm1d(3, affine=False)
    module = torch.nn.Sequential(torch.nn.Linear(3, 3), norm, torch.nn.Linear(3, 2)).eval()
    found = completeness(capture(module, (torch.ones(2, 3),)).network)
    assert found.stop is None and found.second.startswith("not read: powers or products")


def test_full_sizes_are_read() -> None:
    """Batched inputs, and sizes at which no rank is taken."""
    target = load_target("attention", load, {})
    full = target.at(target.full_sizes)
    assert completeness(capture(*full.build()).network).second == AGREES


@pytest.mark.parametrize("seed", [13, 19, 31])
def test_ties_of_minima_are_either_case(seed: int) -> None:
    module, args = build(recipe(seed))
    assert completeness(capture(module, args).network).second == AGREES
