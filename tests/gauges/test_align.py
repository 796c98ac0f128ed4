"""Weights brought near to others over their orbit: what is near is found, nothing gets worse."""

from pathlib import Path
from typing import Any

import pytest
import torch
from orbits import CHANGES, State, generic, scattered, target, walked
from safetensors.torch import load_file, save_file

from symgauge import align, canonicalise
from symgauge.cli.main import main
from symgauge.gauges.align import towards
from symgauge.weights.checkpoint import held
from symgauge.gauges.symmetries import symmetries_of


def apart(one: State, two: State) -> float:
    """The root of the sum of squares of the differences, in units of the second's."""
    squares = [sum(float((t ** 2).sum()) for t in many) for many in (
        [one[n] - two[n] for n in two], two.values())]
    return float((squares[0] / squares[1]) ** 0.5)


@pytest.mark.parametrize("case, noise", [
    ("gated_unit", 0.0), ("gated_unit", 0.01), ("attention", 0.01),
    pytest.param("stream", 0.01, marks=pytest.mark.slow),
    pytest.param("gpt2_like", 0.01, marks=pytest.mark.slow),
])
def test_a_scattered_neighbour_comes_back(case: str, noise: float) -> None:
    there = target(case, **({"tied": False} if case == "gpt2_like" else {}))
    symmetries, a = symmetries_of(there), generic(there.build()[0])
    generator = torch.Generator().manual_seed(3)
    neighbour = {
        n: t * (1 + noise * torch.randn(t.shape, generator=generator, dtype=torch.float64))
        for n, t in a.items()}
    b, _ = scattered(there, symmetries, neighbour, 1)
    assert apart(b, a) > 1
    aligned, outcome = walked(towards(held(a, "A")), there, symmetries, b)
    # as near as the neighbour was, or nearer
    assert apart(aligned, a) <= apart(neighbour, a) + 1e-12
    assert outcome.done[0].startswith(f"distance {apart(b, a):.3g} before")


def test_what_is_there_already_is_left() -> None:
    there = target("gated_unit")
    symmetries, a = symmetries_of(there), generic(there.build()[0])
    aligned, outcome = walked(towards(held(a, "A")), there, symmetries, a)
    assert not outcome.done and "no step" in outcome.left[0]
    assert all(torch.equal(aligned[n], a[n]) for n in a)


def test_the_command(tmp_path: Path, capsys: Any) -> None:
    there = target("gated_unit")
    a = generic(there.build()[0])
    b = {**a, "up.weight": 2 * a["up.weight"], "down.weight": a["down.weight"] / 2}
    save_file(a, tmp_path / "a.safetensors")
    save_file(b, tmp_path / "b.safetensors")
    arguments = ["align", f"{CHANGES}:gated_unit", str(tmp_path / "a.safetensors")]
    assert main([*arguments, str(tmp_path / "b.safetensors"), str(tmp_path / "out")]) == 0
    assert "distance" in capsys.readouterr().out
    assert apart(load_file(tmp_path / "out"), a) < 1e-9
    save_file({**a, "up.weight": torch.ones(3, 3)}, tmp_path / "a.safetensors")
    assert main([*arguments, str(tmp_path / "b.safetensors"), str(tmp_path / "no")]) == 3
    assert "holds up.weight of shape [3, 3]" in capsys.readouterr().err
    assert not (tmp_path / "no").exists()


def test_the_verbs_take_a_module() -> None:
    module = torch.nn.Sequential(
        torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).double()
    args, a = (torch.randn(2, 3),), generic(module)
    one, change = canonicalise(module, args, a)
    assert change.is_same and apart(one, a) > 0.1
    back, change = align(module, args, a, one)
    assert change.is_same and apart(back, a) < 1e-9
    own, _ = canonicalise(module, args)
    assert not torch.equal(own["0.weight"], module.state_dict()["0.weight"])
