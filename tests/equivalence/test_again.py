"""The record of an equivalence algebra is verified anew: what is edited or false is refuted."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import Linear, Sequential, Tanh

from symgauge.cli.main import main
from symgauge.equivalence.again import verified
from symgauge.equivalence.algebra import EquivalenceAlgebra, equivalence_algebra
from symgauge.verdict import Verdict


@pytest.fixture(scope="module")
def record() -> dict[str, Any]:
    torch.manual_seed(0)
    field = Sequential(Linear(2, 3), Tanh(), Linear(3, 2))
    found = equivalence_algebra(field, state=(torch.randn(2),))
    assert (found.algebra, found.proved, found.verdict) == ("aff(2,R)", 6, Verdict.PROVED)
    return dict(json.loads(found.to_json()))


def test_a_record_verifies_from_its_program_alone(record: dict[str, Any]) -> None:
    again = verified(EquivalenceAlgebra.from_json(json.dumps(record)))
    assert again.verdict is Verdict.PROVED, again.reasons
    assert again.reasons[0] == "6 elements proved" and "at most 6" in again.reasons[-1]


def _sign(data: dict[str, Any]) -> None:
    term = data["generators"][0]["vector"]["parameters"][0][0]
    term[2] = term[2].removeprefix("-") if term[2].startswith("-") else "-" + term[2]


def _fewer(data: dict[str, Any]) -> None:
    del data["generators"][-1]


def _fewer_all_said(data: dict[str, Any]) -> None:
    del data["generators"][-1]
    data["dimension"], data["proved"] = 5, 5


def _twice(data: dict[str, Any]) -> None:
    data["generators"].append(data["generators"][0])


def _larger_bound(data: dict[str, Any]) -> None:
    data["dimension"], data["unexplained"], data["closed"] = 7, 1, False


def _other_field(data: dict[str, Any]) -> None:
    """v + x x in place of v."""
    program = data["program"]
    x = next(i for i, n in enumerate(program["nodes"]) if n.get("input") == "x")
    shape, out = program["nodes"][x]["shape"], program["outputs"][0]
    n = len(program["nodes"])
    program["nodes"] += [
        {"op": "mul", "inputs": [x, x], "attrs": {}, "shape": shape},
        {"op": "add", "inputs": [out, n], "attrs": {}, "shape": shape},
    ]
    program["outputs"] = [n + 1]


def _out_of_range(data: dict[str, Any]) -> None:
    data["generators"][0]["vector"]["xi"][0][0] = 9


def _words(data: dict[str, Any]) -> None:
    data["generators"][0]["xi"] = "(x1) d/dx1"


def _scope(data: dict[str, Any]) -> None:
    data["scope"] = data["scope"].replace("degree 1", "degree 2")


def _no_program(data: dict[str, Any]) -> None:
    data["program"] = {"nodes": [], "outputs": [0], "held": []}


@pytest.mark.parametrize("edit", [
    _sign, _fewer, _fewer_all_said, _twice, _larger_bound, _other_field, _out_of_range, _words,
    _scope, _no_program,
])
def test_an_edited_record_is_refuted(record: dict[str, Any], edit: Any) -> None:
    data = copy.deepcopy(record)
    edit(data)
    again = verified(EquivalenceAlgebra.from_plain(data))
    assert again.verdict is Verdict.REFUTED and again.reasons, edit.__name__


def test_without_a_program_nothing_is_decided(record: dict[str, Any]) -> None:
    again = verified(EquivalenceAlgebra.from_plain(
        {k: v for k, v in record.items() if k != "program"}))
    assert again.verdict is Verdict.UNKNOWN and "no program" in again.reasons[0]


def test_the_command_verifies_it(record: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "equivalence.json"
    path.write_text(EquivalenceAlgebra.from_plain(record).to_json())
    assert main(["verify", str(path)]) == 0
    data = copy.deepcopy(record)
    _sign(data)
    path.write_text(EquivalenceAlgebra.from_plain(data).to_json())
    assert main(["verify", str(path)]) == 1
    assert main(["verify", str(path), "--kernel"]) == 3
