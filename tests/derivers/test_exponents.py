"""Scalings whose logarithm is added elsewhere: biases in front of exponentials, gains exp(b)."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
import torch
from structural_referee import FIELD, rank_of, redundancy_of, wrong_families
from torch import Tensor, nn

import symgauge
from symgauge.capture import capture
from symgauge.derivers.structural import find, instantiate, orbit_dimension
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.statements.dimension import dimension
from symgauge.statements.stabiliser import generic_stabiliser
from symgauge.verdict import Verdict


class Net(nn.Module):
    def __init__(self, function: Callable[[nn.Module, Tensor], Tensor], **shapes: int) -> None:
        super().__init__()
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.rand(shape) + 0.5))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self, x)


def biased(p: nn.Module, x: Tensor) -> Tensor:
    return torch.exp(x @ p.W.T + p.b) @ p.V.T


def gain(p: nn.Module, x: Tensor) -> Tensor:
    return torch.tanh((x @ p.W.T) * torch.exp(p.b)) @ p.V.T


def doubled(p: nn.Module, x: Tensor) -> Tensor:
    """exp(2 b): half the logarithm."""
    return torch.exp(x @ p.W.T - 2 * p.b) @ p.V.T


def logarithm(p: nn.Module, x: Tensor) -> Tensor:
    return torch.tanh(torch.log((x * x) @ (p.W * p.W).T) + p.b) @ p.V.T


def by_heads(p: nn.Module, x: Tensor) -> Tensor:
    """Two blocks of hidden units with one bias each: the reader's blocks are scaled."""
    z = (x @ p.W.T).reshape(-1, 2, 3) + p.b[:, None]
    return torch.exp(z).reshape(-1, 6) @ p.V.T


def number(p: nn.Module, x: Tensor) -> Tensor:
    return torch.exp(p.t) * torch.tanh(x @ p.W.T) @ p.V.T


def gained(p: nn.Module, x: Tensor) -> Tensor:
    """A gain behind, which a reader takes up first."""
    return (torch.exp(x @ p.W.T + p.b) * p.g) @ p.V.T


def normed(p: nn.Module, x: Tensor) -> Tensor:
    """Softmax forgets what all entries add, and no single one."""
    return torch.softmax(x @ p.W.T + p.b, -1) @ p.V.T


HIDDEN = {"W": (3, 2), "b": (3,), "V": (2, 3)}
NETS = {
    "a bias before exp": (biased, HIDDEN, 3),
    "a gain exp(b)": (gain, HIDDEN, 3),
    "twice a bias": (doubled, HIDDEN, 3),
    "log": (logarithm, HIDDEN, 3),
    "a bias for each block": (by_heads, {"W": (6, 2), "b": (2,), "V": (2, 6)}, 2),
    "a number exp(t)": (number, {"W": (3, 2), "t": (1,), "V": (2, 3)}, 1),
    "a gain behind exp": (gained, {**HIDDEN, "g": (3,)}, 6),
    "softmax": (normed, HIDDEN, 3),
}


def network(name: str):  # type: ignore[no-untyped-def]
    function, shapes, _ = NETS[name]
    torch.manual_seed(0)
    return capture(Net(function, **shapes), (torch.rand(2, 2) + 0.5,), {}).network


@pytest.mark.parametrize("name", NETS)
def test_all_are_found(name: str) -> None:
    program, count = network(name), NETS[name][2]
    found = find(program)
    families = instantiate(found)
    assert wrong_families(program, families) == []
    assert rank_of(program, families) == count == redundancy_of(program)
    assert orbit_dimension(found, FIELD, np.random.default_rng(0)) == count
    if generic_stabiliser(found) is None:
        assert dimension(found) == count


def test_the_moves() -> None:
    def moves(name: str) -> set[tuple[str, str, Fraction]]:
        (family, *_) = instantiate(find(network(name)))
        return {(m.parameter, m.form, m.weight) for m in family.moves}

    assert moves("a bias before exp") == {("b", "+c", 1), ("V", "s^k", -1)}
    assert moves("twice a bias") == {("b", "+c", 1), ("V", "s^k", 2)}
    assert moves("log") == {("W", "s^k", -1), ("b", "+c", 2)}


@pytest.mark.parametrize("function", [torch.exp2, lambda z: torch.exp(0.3 * z)])
def test_factors_that_are_floats_leave_powers_whole(function: Callable[[Tensor], Tensor]) -> None:
    """exp(l (z + b)): a multiple of log s is added, and s does not stand with a power of 1e15."""
    torch.manual_seed(0)
    net = Net(lambda p, x: function(x @ p.W.T + p.b) @ p.V.T, **HIDDEN).double()
    x = torch.rand(2, 2).double()
    found = symgauge.derive(net, (x,))
    powers = {abs(m.weight) for g in found.generators for m in g.action if m.form == "s^k"}
    assert powers in ({1}, {3})
    before = net(x)
    net.load_state_dict(found.sample(seed=0).apply(net.state_dict()))
    assert torch.allclose(net(x), before, rtol=1e-9, atol=1e-9)


def test_a_wrong_weight_is_refused() -> None:
    program = network("a bias before exp")
    prover, (family, *_) = FamilyProver(program), instantiate(find(program))
    assert prover.prove(family).verdict is Verdict.PROVED
    for form, weight in (("+c", 2), ("s^k", 1)):
        moves = tuple(replace(m, weight=Fraction(weight)) if m.form == form else m
                      for m in family.moves)
        assert prover.prove(replace(family, moves=moves)).verdict is Verdict.UNKNOWN
    softmax = FamilyProver(network("softmax"))
    assert softmax.prove(family).verdict is Verdict.UNKNOWN


def test_a_derivation_says_so_for_all_sizes() -> None:
    function, shapes, _ = NETS["a bias before exp"]
    found = symgauge.derive(Net(function, **shapes), (torch.rand(1, 2),))
    (family,) = found.generators
    assert found.closed and found.verify().verdict is Verdict.PROVED
    assert (family.all_sizes, family.group) == ("proved", "R_+^3")
    assert r"b_{1} &\mapsto b_{1} + \log s" in found.to_latex()
