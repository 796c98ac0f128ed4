"""Scores that a mask sets to minus infinity: what the softmax leaves out may hold any value."""

import pytest
import torch
from torch import Tensor, nn

import symgauge


class Causal(nn.Module):
    """Softmax attention without biases behind a bias of the stream, its mask written in some way.
    """

    def __init__(self, way: str) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(2, 2, bias=n == 1) for n in range(3))
        self.way = way
        self.register_buffer("mask", torch.ones(3, 3).tril().bool())

    def forward(self, x: Tensor) -> Tensor:
        scores = self.q(x) @ self.k(x).transpose(1, 2)
        if self.way == "added":
            scores = scores + torch.zeros(3, 3).masked_fill(~self.mask, -torch.inf)
        elif self.way == "filled":
            scores = scores.masked_fill(~self.mask, -torch.inf)
        elif self.way == "no less than":  # the least float: without a dtype it is no float32
            scores = scores + torch.zeros(3, 3).masked_fill(~self.mask, -torch.inf)
            scores = torch.maximum(scores, torch.full((), torch.finfo(scores.dtype).min))
        else:
            least = torch.full([], torch.finfo(scores.dtype).min, dtype=scores.dtype)
            scores = torch.where(self.mask, scores, least)
        out: Tensor = torch.softmax(scores, -1) @ self.v(x)
        return out


@pytest.mark.parametrize("way", ["added", "filled", "chosen", "no less than"])
def test_a_shift_of_all_keys_is_found_at_every_size_however_the_mask_is_written(way: str) -> None:
    derivation = symgauge.derive(Causal(way), (torch.zeros(1, 3, 2),))
    assert (derivation.redundancy, derivation.verdict) == (6, symgauge.Verdict.PROVED)
    assert sum(g.dimension for g in derivation.generators) == 6
