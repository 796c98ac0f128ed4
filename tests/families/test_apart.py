"""Groups of permutations together: their order is the product where `apart` says so."""

from itertools import product
from math import factorial, prod

import numpy as np
import pytest
from sympy.combinatorics import Permutation, PermutationGroup

from symgauge.families.apart import apart
from symgauge.families.family import Move, Place

SHAPE = (4, 3)


def rows(*sizes: int, along: int = 0, per: tuple = (), start: int = 0, part: tuple = ()) -> Move:
    return Move("W", "g", Place(0, start, sizes, along, per), part=part)


def columns(*sizes: int, start: int = 0, per: tuple = (), part: tuple = ()) -> Move:
    return Move("W", "g", Place(1, start, sizes, 0, per), part=part)


def elements(m: Move) -> list[Permutation]:
    """Swaps of neighbours along a move, for each of its copies, as permutations of all entries."""
    assert m.at is not None and isinstance(m.at.along, int)
    entries = np.arange(prod(SHAPE)).reshape(SHAPE)
    inside = [slice(None), slice(None)]
    if m.part:
        inside[m.part[0]] = slice(m.part[1], m.part[2])
    found = []
    for copy in product(*map(range, m.at.copies)):
        for k in range(m.at.sizes[m.at.along] - 1):
            moved = entries.copy()
            here = np.moveaxis(moved[tuple(inside)], m.at.axis, 0)
            here = here[m.at.start:m.at.start + m.at.length]  # a view all along
            for index in range(m.at.length):
                at = list(np.unravel_index(index, m.at.sizes))
                for other in range(here.shape[1]):
                    own = tuple(at[p] if isinstance(p, int) else other for p in m.at.per)
                    if own == copy and at[m.at.along] == k:
                        to = [*at]
                        to[m.at.along] = k + 1
                        there = np.ravel_multi_index(to, m.at.sizes)
                        here[[index, there], other] = here[[there, index], other]
            found.append(Permutation(moved.ravel().tolist()))
    return found


def order(moves: list[Move]) -> int:
    return int(PermutationGroup([p for m in moves for p in elements(m)]).order())


@pytest.mark.parametrize("moves, are", [
    ([rows(4), columns(3)], True),
    ([rows(2), rows(2, start=2), columns(3)], True),
    ([rows(2, part=(0, 0, 2)), rows(2, part=(0, 2, 4)), columns(3)], True),
    ([rows(4, part=(1, 0, 2)), columns(2, part=(1, 0, 2))], True),
    ([rows(2, 2, along=0, per=(1,)), rows(2, 2, along=1, per=(0,))], False),  # a grid
    ([rows(4), rows(4)], False),
    ([rows(3), rows(2, start=2)], False),
    ([rows(4, per=((1, 3),)), columns(3, per=((0, 4),))], False),
    ([rows(4, part=(1, 0, 2)), columns(3)], False),
    ([columns(3), rows(4, part=(1, 0, 2))], False),
    ([rows(3, part=(0, 0, 3)), rows(2, part=(0, 2, 4))], False),
], ids=str)
def test_the_order_is_the_product_of_those_that_are_apart(moves: list[Move], are: bool) -> None:
    single = prod(order([m]) for m in moves)
    assert apart([[m] for m in moves]) is are
    assert (order(moves) == single) is are


def test_a_grid_has_all_permutations() -> None:
    grid = [rows(2, 2, along=0, per=(1,)), rows(2, 2, along=1, per=(0,))]
    assert [order([m]) for m in grid] == [4, 4] and order(grid) == factorial(4)


def test_axes_of_other_tensors_are_others() -> None:
    assert apart([[rows(4)], [Move("V", "g", Place(0, 0, (4,), 0))]])
    assert apart([[rows(4), columns(3)]])
