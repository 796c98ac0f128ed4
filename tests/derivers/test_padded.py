"""Zeros put at the end of an axis vary as whatever stands beside them does; ones do not."""

import pytest
import torch
from structural_referee import referee
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.derivers.structural import find


class Causal(nn.Module):
    """A causal depthwise convolution of projected tokens, as state-space models have it."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value, self.inp, self.out = value, nn.Linear(3, 4, bias=False), nn.Linear(4, 2)
        self.conv = nn.Conv1d(4, 4, 2, groups=4)

    def forward(self, x: Tensor) -> Tensor:
        y = nn.functional.pad(self.inp(x).transpose(1, 2), (1, 0), value=self.value)
        out: Tensor = self.out(torch.tanh(self.conv(y)).transpose(1, 2))
        return out


@pytest.mark.parametrize("value, rank", [(0.0, 4), (1.0, 0)])
def test_what_is_put_in_front_of_a_convolution(value: float, rank: int) -> None:
    network = capture(Causal(value), (torch.randn(1, 3, 3),), {}).network
    found = referee(network)
    assert found.sound and found.rank == found.redundancy == rank
    scaled = [s.family for s in find(network).families if s.family.kind.is_scaling]
    assert any(f.size == 4 for f in scaled) == (rank > 0) == bool(scaled)


class Turned(nn.Module):
    """Hidden units in front of zeros, or of ones: a matrix on them passes the zeros alone."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.value, self.inp, self.out = value, nn.Linear(3, 4, bias=False), nn.Linear(4, 2)

    def forward(self, x: Tensor) -> Tensor:
        y = self.inp(x)
        y = torch.cat((torch.full_like(y[:1], self.value), y), 0)
        mixed = torch.softmax(x @ x.T, -1).sum() * y
        out: Tensor = torch.tanh(self.out(mixed))
        return out


@pytest.mark.parametrize("value, kinds", [(0.0, ["gl"]), (1.0, [])])
def test_a_matrix_passes_rows_of_zeros(value: float, kinds: list[str]) -> None:
    network = capture(Turned(value), (torch.randn(2, 3),), {}).network
    assert referee(network).sound
    found = [s.family.kind.name for s in find(network).families if s.family.kind.is_matrix]
    assert found == kinds
