"""Rotary tables with equal frequencies: complex matrices on the pairs that turn alike."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest
import torch
from known_networks import attention
from structural_referee import FIELD, rank_of, redundancy_of, wrong_families
from torch import Tensor, nn

import symgauge
from symgauge.capture import capture
from symgauge.derivers.structural import find, instantiate, orbit_dimension
from symgauge.families.kinds.equal_turns import equal_turns
from symgauge.kernel.check import check
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.statements.at_full import at_full
from symgauge.statements.dimension import dimension
from symgauge.verdict import Verdict


class Attention(nn.Module):
    def __init__(self, frequencies: tuple[float, ...], heads: int) -> None:
        super().__init__()
        rows = 2 * heads * len(frequencies)
        shapes = {"Wq": (rows, 5), "Wk": (rows, 5), "Wv": (heads, 5), "Wo": (5, heads)}
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.randn(shape)))
        self.run = partial(attention, heads=heads, causal=True, frequencies=frequencies)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)


def network(*frequencies: float, heads: int = 1):  # type: ignore[no-untyped-def]
    torch.manual_seed(0)
    return capture(Attention(frequencies, heads), (torch.randn(6, 5),), {}).network


#: Frequencies, heads, the kind on queries and keys, the redundancy.
CASES = [
    ((0.7, 0.7), 1, "equal_turns[0:0]", 8 + 1),
    ((0.7, 0.3, 0.7), 1, "equal_turns[0:1:0]", 8 + 2 + 1),
    ((0.7, 0.7), 2, "equal_turns[0:0]", 2 * (8 + 1)),
    ((0.7, 0.3), 1, "complex", 2 * 2 + 1),
]


@pytest.mark.parametrize("frequencies, heads, kind, count", CASES)
def test_all_are_found(
    frequencies: tuple[float, ...], heads: int, kind: str, count: int
) -> None:
    program = network(*frequencies, heads=heads)
    found = find(program)
    families = instantiate(found)
    assert wrong_families(program, families) == []
    assert rank_of(program, families) == dimension(found) == count
    assert orbit_dimension(found, FIELD, np.random.default_rng(0)) == count
    assert redundancy_of(program) == count
    assert kind in {f.kind.name for f in families}


def test_pairs_that_turn_differently_are_not_mixed() -> None:
    program = network(0.7, 0.3, 0.7)
    (family,) = [f for f in instantiate(find(program)) if f.kind.name.startswith("equal")]
    prover = FamilyProver(program)
    assert prover.prove(family).verdict is Verdict.PROVED
    for classes in ((0, 0, 0), (0, 0, 1)):
        wrong = replace(family, kind=equal_turns(classes))
        assert prover.prove(wrong).verdict is Verdict.UNKNOWN
        fields = prover.coordinates.fields_of(wrong)
        assert wrong_families(program, [replace(wrong, fields=fields)])


def test_full_sizes_are_not_said_to_turn_alike() -> None:
    small, full = network(0.7, 0.7), network(0.7, 0.7, heads=2)
    (family,) = [f for f in instantiate(find(small)) if f.kind.name.startswith("equal")]
    assert at_full(family, small, full) is None


def test_a_derivation_is_whole() -> None:
    torch.manual_seed(0)
    module = Attention((0.7, 0.7), 1)
    found = symgauge.derive(module, (torch.randn(6, 5),))
    assert found.closed and found.verify().verdict is Verdict.PROVED
    assert check(dict(found.data["certificate"]))["verdict"] == "CONFIRMED"
    (turned,) = [g for g in found.generators if g.dimension == 8]
    assert (turned.group, turned.all_sizes) == ("GL(2,C)", "proved")
    assert r"\mathrm{GL}(2,\mathbb{C})" in found.to_latex()
    state = {k: v.detach().double() for k, v in module.named_parameters()}
    moved = found.sample(seed=1).apply(state)
    x = torch.randn(6, 5, dtype=torch.float64)
    before = module.double()(x)
    module.load_state_dict(moved)
    assert torch.allclose(before, module(x)) and not torch.allclose(state["Wq"], moved["Wq"])
