"""Scores that a mask sets to minus infinity: what the softmax leaves out may hold any value."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import symgauge
from symgauge.capture import capture
from symgauge.errors import CaptureError
from symgauge.program.lower import is_piecewise


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


class Routed(torch.nn.Module):
    """A function of scores and of the place of the largest, of three or fewer experts."""

    def __init__(self, function: Callable[[Tensor, Tensor], Tensor], experts: int = 3) -> None:
        super().__init__()
        self.w = torch.nn.Parameter(torch.randn(4, experts, dtype=torch.float64))
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        scores = x @ self.w
        return self.function(scores, scores.argmax(-1, keepdim=True))


def _without(scores: Tensor, place: Tensor) -> Tensor:
    return scores.scatter(-1, place, -torch.inf)


def _alone(scores: Tensor, place: Tensor) -> Tensor:
    return torch.full_like(scores, -torch.inf).scatter(-1, place, scores.gather(-1, place))


ROUTES: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "the second largest": lambda s, i: _without(s, i).max(-1).values,
    "gates beside the largest": lambda s, i: torch.softmax(_without(s, i), -1),
    "clamped by the second": lambda s, i: s.abs().clamp(min=_without(s, i).max(-1, True).values),
    "without the two largest": lambda s, i: torch.softmax(
        _without(_without(s, i), _without(s, i).argmax(-1, keepdim=True)), -1),
    "behind a mask": lambda s, i: torch.softmax(
        _without(s.masked_fill(torch.tensor([True, False, False]), -torch.inf), i), -1),
    "without two that may be one": lambda s, i: torch.softmax(
        _without(s, torch.cat([i, s.square().argmax(-1, keepdim=True)], -1)), -1),
    "nothing": lambda s, i: s.relu() + _without(torch.full_like(s, -torch.inf), i).exp(),
    "into itself": lambda s, i: s.scatter(-1, torch.cat([i, s.argmin(-1, True)], -1), s),
    "one gate": lambda s, i: torch.sigmoid(_alone(s, i)),
    "one gate, moved": lambda s, i: torch.sigmoid(_alone(s, i).mT.flatten()),
}


@pytest.mark.parametrize("name", ROUTES)
def test_places_that_a_branch_decides_are_left_out(name: str) -> None:
    """Capture compares the program with the module on both sides of the branches."""
    found = capture(Routed(ROUTES[name]), (torch.randn(2, 4, dtype=torch.float64),))
    assert is_piecewise(found.network)


def test_the_second_of_one_is_minus_infinity() -> None:
    with pytest.raises(CaptureError, match="minus infinity"):
        capture(
            Routed(lambda s, i: _without(s, i).max(-1).values + s.sum(-1), 1),
            (torch.randn(2, 4, dtype=torch.float64),))
