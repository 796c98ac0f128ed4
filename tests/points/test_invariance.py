"""Many maps of parameters looked at together: the same answers as one by one."""

import numpy as np
import pytest
from made import Made
from torch import nn, zeros

from symgauge.capture import capture
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.families.coordinates import Coordinates
from symgauge.points.invariance import RANDOM, Flip, Invariance, holding
from symgauge.program.network import Network

UNITS = 30


def network(activation: nn.Module) -> Network:
    module = Made(lambda m, x: m.b(activation(m.a(x))),
                  a=nn.Linear(2, UNITS, bias=False), b=nn.Linear(UNITS, 2, bias=False))
    return capture(module, (zeros(1, 2),)).network


def invariance_of(program: Network) -> tuple[Invariance, list[Flip], list[Flip]]:
    """The tests, and the signs of each unit: on both its tensors, and on the first alone."""
    at = Coordinates(program)
    first, second = at.whole("a.weight"), at.whole("b.weight")
    signs = [np.concatenate([first[k], second[:, k]]) for k in range(UNITS)]
    rng = np.random.default_rng(0)
    return Invariance(program, PrimeField(next(primes())), rng), signs, list(first)


@pytest.mark.parametrize("activation", [nn.Tanh(), nn.Hardtanh()])
def test_one_wrong_sign_among_many_is_found(activation: nn.Module) -> None:
    """Smooth: a product for each point. Piecewise: a product for each cell."""
    tests, good, wrong = invariance_of(network(activation))
    assert len(good) > RANDOM and tests.flips(good)
    assert not tests.flips([*good[:-1], wrong[-1]])
    cases = [[f] for f in (*good[:5], wrong[5], *good[6:8])]
    assert tests.with_flips(cases) == [0, 1, 2, 3, 4, 6, 7]


def test_an_even_function_keeps_the_first_sign_alone() -> None:
    tests, good, first = invariance_of(network(Made(lambda m, x: x * x)))
    assert tests.flips(first) and not tests.flips(good)


def test_one_leg_that_may_not_be_permuted_is_found() -> None:
    program = network(nn.Tanh())
    tests, _, _ = invariance_of(program)
    at = Coordinates(program)
    first, second = at.whole("a.weight"), at.whole("b.weight")
    units, alone = [first, second.T], [first.T]
    assert tests.permutations([units]) and not tests.permutations([alone])
    assert tests.with_permutations([units, alone, units]) == [0, 2]
    # what one element at one point does not refute is found by halves
    assert holding([units, alone, units], lambda legs: tests.permutations(legs)) == [units, units]
