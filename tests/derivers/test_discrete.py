"""Discrete elements: what is said of n indices holds for each of them, not for the first alone."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import Tensor

import symgauge
from symgauge.capture import capture
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.rows import Lifted

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


class Experts(torch.nn.Module):
    """sum_e v_e . tanh(scale_e (w_e x)), two experts of three units."""

    def __init__(self, *scales: list[float]) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.w = torch.nn.Parameter(torch.randn(2, 3, 2, generator=generator))
        self.v = torch.nn.Parameter(torch.randn(2, 3, generator=generator))
        self.scale = torch.tensor(scales)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.tanh(torch.einsum("ehi,bi->beh", self.w, x) * self.scale)
        return torch.einsum("beh,eh->b", hidden, self.v)


@pytest.mark.parametrize(("scales", "groups"), [
    (([1.0, 1.0, 1.0], [1.0, 1.0, 1.0]), ["(Z_2)^6", "S_2^3", "S_3^2"]),
    # in each expert the first unit is another: they may be permuted in neither
    (([2.0, 1.0, 1.0], [2.0, 1.0, 1.0]), ["(Z_2)^6", "S_2^3"]),
    # in the second alone it is: in the first they may, and all S_3 is said of none
    (([1.0, 1.0, 1.0], [2.0, 1.0, 1.0]), ["(Z_2)^6"]),
], ids=["alike", "weighted", "one weighted"])
def test_units_of_each_expert_move_by_themselves(
    scales: tuple[list[float], ...], groups: list[str]
) -> None:
    """The sum does not tell experts apart: a unit of one changes place with that of the other.

    Its six signs are said once, not once by expert and once by place in each.
    """
    found = symgauge.derive(Experts(*scales), (torch.ones(1, 2),))
    assert sorted(element.group for element in found.discrete) == groups


def test_copies_that_do_not_move_by_themselves_are_not_said_to() -> None:
    """One order for both halves of w (their sum meets one v): no power."""
    generator = torch.Generator().manual_seed(0)

    class Joined(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.w = torch.nn.Parameter(torch.randn(2, 3, 2, generator=generator))
            self.v = torch.nn.Parameter(torch.randn(3, generator=generator))

        def forward(self, x: Tensor) -> Tensor:
            return torch.tanh(torch.einsum("ehi,bi->beh", self.w, x)).sum(1) @ self.v

    groups = {e.group: e.label for e in symgauge.derive(Joined(), (torch.ones(1, 2),)).discrete}
    assert "S_3" in groups and "S_3^2" not in groups
    assert "by itself" not in groups["S_3"]


def test_lines_that_are_as_before_are_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The values are those of all lines anew; what no moved tensor reaches is not computed."""
    network = capture(Units(torch.tanh), (torch.ones(1, 2),)).network
    field, rng = PrimeField(next(primes())), np.random.default_rng(0)
    theta = {p.name: field.random(rng, (3, *p.shape)) for p in network.parameters}
    lifted = Lifted(network, ResidueDomain(field, 5, 3), 3)
    x = {"x": field.random(rng, (3, 1, 2))}
    before = lifted.values(theta, x)
    moved = {**theta, "v": field.random(rng, (3, 1, 3))}
    wanted = lifted.values(moved, x)
    with monkeypatch.context() as patched:
        patched.setattr(ResidueDomain, "exp", lambda *_: pytest.fail("exp does not read v"))
        found = lifted.values_after(before, moved)
    assert all(np.array_equal(a, b) for a, b in zip(found, wanted, strict=True))
    assert not np.array_equal(found[-1], before[-1])
    with pytest.raises(pytest.fail.Exception), monkeypatch.context() as patched:
        patched.setattr(ResidueDomain, "exp", lambda *_: pytest.fail("exp reads w"))
        lifted.values_after(before, {**theta, "w": field.random(rng, (3, 3, 2))})
