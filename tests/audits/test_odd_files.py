"""Weights that no fit can be made of, and files that say less or more than they seem to."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from symgauge import BadInputError
from symgauge.audits.audit import audit
from symgauge.capture import load_target
from symgauge.cli.main import main
from symgauge.weights.checkpoint import INDEX, SINGLE, held, open_checkpoint
from symgauge.weights.statement import Held
from symgauge.zoo import load
from tests.audits.test_changed_weights import Tied
from tests.support.places import DATA

FILE = f"{DATA / 'changed_weights.py'}:gated_unit"
NAN, INFINITE = float("nan"), float("inf")


def linear() -> tuple[nn.Module, dict[str, Tensor]]:
    torch.manual_seed(0)
    module = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2))
    return module, {n: t.detach().clone() for n, t in module.state_dict().items()}


# -- entries that are no numbers -------------------------------------------------------------------


@pytest.mark.parametrize("value", [NAN, INFINITE])
@pytest.mark.parametrize("turned", [False, True])
def test_weights_that_are_no_numbers_are_named(value: float, turned: bool) -> None:
    module, state = linear()
    other = {n: t.clone() for n, t in state.items()}
    other["0.weight"][0, 0] = value
    one, two = (other, state) if turned else (state, other)
    with pytest.raises(BadInputError, match=r"an entry of 0\.weight that is infinite or no number"):
        audit(Held(module, (torch.randn(2, 3),), {}), held(one, "a"), held(two, "b"))


@pytest.mark.parametrize("value", [NAN, INFINITE])
def test_what_is_no_number_in_both_leaves_the_answer_open(value: float) -> None:
    module, state = linear()
    state["0.weight"][0, 0] = value
    other = {**state, "1.bias": state["1.bias"] + 1}
    result = audit(Held(module, (torch.randn(2, 3),), {}), held(state, "a"), held(other, "b"))
    assert result.verdict == "UNKNOWN" and "0.weight holds" in result.ground
    json.dumps(result.to_json(), allow_nan=False)


@pytest.mark.parametrize("value", [NAN, INFINITE])
def test_the_same_files_are_one_function(value: float) -> None:
    module, state = linear()
    state["0.weight"][0, 0] = value
    again = {n: t.clone() for n, t in state.items()}
    result = audit(Held(module, (torch.randn(2, 3),), {}), held(state, "a"), held(again, "b"))
    assert (result.verdict, result.moved) == ("EQUIVALENT", 0)


# -- names -----------------------------------------------------------------------------------------


def test_a_tied_tensor_may_be_saved_by_another_name_in_each() -> None:
    torch.manual_seed(0)
    module = Tied()
    state = {n: t.detach().clone() for n, t in module.state_dict().items()}
    one = {n: t for n, t in state.items() if n != "head.weight"}
    two = {n: t.clone() for n, t in state.items() if n != "table.weight"}
    example = Held(module, (torch.tensor([[0, 3, 1]]),), {})
    assert audit(example, held(one, "a"), held(two, "b")).verdict == "EQUIVALENT"
    two["head.weight"][2] *= 1.1
    result = audit(example, held(one, "a"), held(two, "b"))
    assert result.verdict == "DIFFERENT"
    assert [b.tensor for b in result.blame] == ["table.weight"]


def test_of_a_fit_that_was_not_made_there_is_no_distance() -> None:
    module = Tied()
    state = {n: t.detach().clone() for n, t in module.state_dict().items()}
    apart = {**state, "head.weight": 2 * state["head.weight"]}
    result = audit(
        Held(module, (torch.tensor([[0, 3, 1]]),), {}), held(state, "a"), held(apart, "b"))
    assert result.verdict == "DIFFERENT" and result.to_json()["distance"] is None


# -- files -----------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two shards with an index."""
    index = {}
    for k, name in enumerate(("one", "two")):
        save_file({name: torch.ones(2)}, tmp_path / f"{k}.safetensors")
        index[name] = f"{k}.safetensors"
    (tmp_path / INDEX).write_text(json.dumps({"weight_map": index}))
    return tmp_path


def test_a_tensor_that_the_index_leaves_out_is_named(folder: Path) -> None:
    assert set(open_checkpoint(str(folder)).shapes) == {"one", "two"}
    save_file({"two": torch.ones(2), "three": torch.ones(2)}, folder / "1.safetensors")
    with pytest.raises(BadInputError, match="'three'"):
        open_checkpoint(str(folder))


def test_a_folder_that_holds_two_checkpoints_is_refused(folder: Path) -> None:
    save_file({"one": torch.zeros(2), "two": torch.zeros(2)}, folder / SINGLE)
    with pytest.raises(BadInputError, match="do not agree"):
        open_checkpoint(str(folder))
    names = dict.fromkeys(("one", "two"), SINGLE)
    (folder / INDEX).write_text(json.dumps({"weight_map": names}))
    assert not open_checkpoint(str(folder)).tensor("one").any()


@pytest.mark.parametrize("case", ["deep index", "long name"])
def test_odd_paths_are_one_sentence(case: str, folder: Path, capsys: Any) -> None:
    (folder / INDEX).write_text("[" * 100_000)
    path = str(folder) if case == "deep index" else "x" * 400
    assert main(["audit", FILE, path, path]) == 3
    assert "Traceback" not in capsys.readouterr().err


def test_compare_names_what_the_target_does_not_read(tmp_path: Path, capsys: Any) -> None:
    state = {n: t.detach() for n, t in load_target(FILE, load).build()[0].state_dict().items()}
    save_file(state, tmp_path / "a")
    save_file({**state, "more": torch.ones(2)}, tmp_path / "b")
    assert main(["compare", FILE, str(tmp_path / "a"), str(tmp_path / "b")]) == 0
    assert "in BEFORE" not in (said := capsys.readouterr().out) and "more" in said
