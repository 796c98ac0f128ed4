"""Discrete elements: what is said of n indices holds for each of them, not for the first alone."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

import symgauge

FIRST = torch.tensor([1.0, 0.0, 0.0])


class Units(torch.nn.Module):
    """v act(w x), three units."""

    def __init__(self, act: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.w = torch.nn.Parameter(torch.randn(3, 2, generator=generator))
        self.v = torch.nn.Parameter(torch.randn(1, 3, generator=generator))
        self.act = act

    def forward(self, x: Tensor) -> Tensor:
        return self.act(x @ self.w.T) @ self.v.T


def first_by(one: Callable[[Tensor], Tensor], two: Callable[[Tensor], Tensor]) -> Units:
    """The first unit by one function, the others by another."""
    return Units(lambda h: FIRST * one(h) + (1 - FIRST) * two(h))


@pytest.mark.parametrize(("module", "groups"), [
    (Units(torch.tanh), ["S_3", "(Z_2)^3"]),
    # the last two may be exchanged: a product of the cycle and a transposition of three, no S_3
    (Units(lambda h: torch.tanh(h * torch.tensor([2.0, 1.0, 1.0]))), ["(Z_2)^3"]),
    # the first is odd alone
    (first_by(torch.tanh, torch.nn.functional.softplus), []),
    (first_by(torch.nn.functional.softplus, torch.tanh), []),
    # every unit may be scaled, by -1 the first alone
    (first_by(lambda h: h, torch.relu), []),
], ids=["alike", "weighted", "first odd", "others odd", "first linear"])
def test_every_index_is_looked_at(module: Units, groups: list[str]) -> None:
    found = symgauge.derive(module, (torch.ones(1, 2),))
    assert [element.group for element in found.discrete] == groups
