"""Shifts that another compensates behind a reshape, and norms that share a gain and a bias."""

import pytest
import torch
from structural_referee import referee
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.derivers.structural import find


class Parallel(nn.Module):
    """y + one(norm y) + two(norm y) under a norm: the biases of both branches meet in the sum."""

    def __init__(self) -> None:
        super().__init__()
        self.inp, self.last = nn.Linear(6, 4, bias=False), nn.LayerNorm(4, bias=False)
        self.one = nn.Sequential(nn.Linear(4, 3), nn.Tanh(), nn.Linear(3, 4))
        self.two = nn.Sequential(nn.Linear(4, 3), nn.Sigmoid(), nn.Linear(3, 4))

    def forward(self, x: Tensor) -> Tensor:
        y = self.inp(x)
        z = nn.functional.layer_norm(y, (4,))
        out: Tensor = self.last(y + self.one(z) + self.two(z))
        return out


class Scaled(nn.Module):
    """x + g1 (W1 h + b1), then x + g2 (W2 h + b2) behind a norm, times a number: a layer scale."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.one, self.up, self.down = nn.Linear(4, 4), nn.Linear(4, 3), nn.Linear(3, 4)
        self.g1, self.g2 = nn.Parameter(torch.ones(shape)), nn.Parameter(torch.ones(shape))

    def forward(self, x: Tensor) -> Tensor:
        y = x + self.g1 * self.one(torch.sin(x))
        h = torch.tanh(self.up(nn.functional.layer_norm(y, (4,))))
        out: Tensor = y + self.g2 * (self.down(h) / 2)
        return out


class Shared(nn.Module):
    """One norm, taken twice; the last reader has no bias."""

    def __init__(self, bias: bool, root: bool) -> None:
        super().__init__()
        self.inp, self.head = nn.Linear(5, 4, bias=False), nn.Linear(4, 5, bias=False)
        self.up, self.down = nn.Linear(4, 3), nn.Linear(3, 4, bias=False)
        self.norm = nn.RMSNorm(4, eps=1e-3) if root else nn.LayerNorm(4, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        y = self.inp(x)
        y = y + self.down(torch.tanh(self.up(self.norm(y))))
        out: Tensor = self.head(self.norm(y))
        return out


def test_both_biases_and_the_constant() -> None:
    # an axis in front of the tokens puts a reshape between the biases and the sum
    network = capture(Parallel(), (torch.randn(1, 3, 6),), {}).network
    found = referee(network)
    assert found.sound and found.rank == found.redundancy == found.dimension
    moved = [
        {m.parameter for m in s.family.moves} for s in find(network).families
        if s.family.kind.is_shift]
    assert {"one.2.bias", "two.2.bias"} in moved
    # constant along the norm's axis each goes alone
    assert {"one.2.bias"} in moved and {"two.2.bias"} in moved


@pytest.mark.parametrize("shape", [(4,), (1,), ()])
def test_biases_behind_layer_scales(shape: tuple[int, ...]) -> None:
    network = capture(Scaled(shape), (torch.randn(1, 3, 4),), {}).network
    found = referee(network)
    assert found.sound and found.rank == found.redundancy == found.dimension
    moved = [{m.parameter: m.weight for m in s.family.moves} for s in find(network).families]
    assert {"one.bias": 1, "down.bias": -2} in moved


@pytest.mark.parametrize("bias, root", [(True, False), (False, False), (False, True)])
def test_norms_that_share_a_gain(bias: bool, root: bool) -> None:
    found = referee(capture(Shared(bias, root), (torch.randn(3, 5),), {}).network)
    assert found.sound and found.rank == found.redundancy == found.dimension
