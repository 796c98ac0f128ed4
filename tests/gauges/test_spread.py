"""Quantities along the orbit of weights: the same, or on which family they hang."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

import symgauge
from symgauge import BadInputError, Derivation, derive_target, orbit_spread
from symgauge.capture import load_target
from symgauge.cli.main import main
from symgauge.zoo import load

State = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def derivation() -> Derivation:
    return derive_target(load_target("attention", load))


@pytest.fixture(scope="module")
def state(derivation: Derivation) -> State:
    torch.manual_seed(0)
    return {t.name: torch.randn(t.shape, dtype=torch.float64) for t in derivation.tensors}


def names(state: State) -> tuple[str, str]:
    """Queries and keys."""
    found = {n[0]: n for n in state if n.endswith("weight")}
    return found["q"], found["k"]


def cosine(state: State) -> torch.Tensor:
    q = state[names(state)[0]]
    return torch.cosine_similarity(q[0], q[1], dim=0)


def product(state: State) -> torch.Tensor:
    q, k = (state[n] for n in names(state))
    d = 2
    return torch.stack([
        (q[i:i + d].T @ k[i:i + d]).norm() for i in range(0, len(q), d)])


def test_a_cosine_of_two_query_rows_hangs_on_their_basis(
    derivation: Derivation, state: State
) -> None:
    found = orbit_spread(derivation, state, cosine)
    assert found.verdict == "DEPENDS" and found.spread > 0.1
    (label,) = found.depends
    assert names(state)[0].removesuffix(".weight") in label
    others = [s for n, s in found.families.items() if n != label]
    assert others and max(others) == 0
    assert label in str(found)


def test_the_norm_of_queries_times_keys_does_not(derivation: Derivation, state: State) -> None:
    found = orbit_spread(derivation, state, product)
    assert found.verdict == "EXACT" and found.spread < 1e-13 and not found.depends


def test_a_small_entry_hides_behind_no_large_one(derivation: Derivation, state: State) -> None:
    def both(state: State) -> torch.Tensor:
        return torch.stack([1e14 * product(state)[0], cosine(state)])

    assert orbit_spread(derivation, state, both).verdict == "DEPENDS"


@pytest.mark.parametrize("quantity, words", [
    (lambda s: 1.0, "nothing is tested"),
    (lambda s: 0.0, "is 0"),
    (lambda s: float("nan"), "not finite"),
])
def test_what_tests_nothing_is_unknown(
    derivation: Derivation, state: State, quantity: Any, words: str
) -> None:
    found = orbit_spread(derivation, state, quantity)
    assert found.verdict == "UNKNOWN" and words in found.reason


def test_narrow_weights_are_moved_in_float64(derivation: Derivation, state: State) -> None:
    narrow = {n: t.bfloat16() for n, t in state.items()}
    assert orbit_spread(derivation, narrow, product).spread < 1e-13


def test_bad_input_is_said(derivation: Derivation, state: State) -> None:
    with pytest.raises(BadInputError, match="the quantity fails on the state with KeyError"):
        orbit_spread(derivation, state, lambda s: s["nosuch"])
    with pytest.raises(BadInputError, match="not weights at the small"):
        orbit_spread(derivation, {n: t[:1] for n, t in state.items()}, product)


QUANTITIES = '''
def size(state):
    return state["%s"].norm()
'''


def test_the_command(
    derivation: Derivation, state: State, tmp_path: Path, capsys: Any
) -> None:
    record, weights = tmp_path / "derivation.json", tmp_path / "state.safetensors"
    record.write_text(derivation.to_json())
    save_file(state, weights)
    (tmp_path / "own.py").write_text(QUANTITIES % names(state)[0])
    arguments = ["spread", str(record), str(weights)]
    assert main([*arguments, f"{tmp_path}/own.py:size", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["verdict"] == "DEPENDS" and len(found["depends"]) == 1
    assert main([*arguments, f"{tmp_path}/own.py:nosuch"]) == 3
    assert "there is no function 'nosuch'" in capsys.readouterr().err
    assert main([*arguments, "own"]) == 3
    assert "write path/to/file.py:function" in capsys.readouterr().err


def test_the_verb_is_public() -> None:
    assert "orbit_spread" in symgauge.__all__


def test_a_complex_quantity_is_more_than_its_real_part(
    derivation: Derivation, state: State
) -> None:
    same = product(state)
    found = orbit_spread(derivation, state, lambda s: torch.complex(same, cosine(s)))
    assert found.verdict == "DEPENDS"


def test_a_quantity_that_writes_in_its_state_changes_its_own(
    derivation: Derivation, state: State
) -> None:
    def halved(s: State) -> torch.Tensor:
        for t in s.values():
            t.mul_(0.5)
        return product(s)

    assert orbit_spread(derivation, state, halved).verdict == "EXACT"


def test_a_quantity_that_ends_the_program_is_said(derivation: Derivation, state: State) -> None:
    def ends(s: State) -> None:
        raise SystemExit(0)

    with pytest.raises(BadInputError, match="SystemExit"):
        orbit_spread(derivation, state, ends)
