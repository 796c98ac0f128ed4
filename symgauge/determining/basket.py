"""Families that are kept while they add to the orbit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np

from symgauge.exact.linear_algebra import nullspace
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.exact.sparse import dependent_groups, rank_growth, sparse_rank
from symgauge.families.family import Family

#: Fields at one point: their components that are not 0, by coordinate.
Values = list[dict[int, int]]


def vanishing_on(known: Values, size: int, field: PrimeField) -> Array:
    """Forms on `size` coordinates that vanish on these values, as rows."""
    values = np.zeros((len(known), size))
    for row, value in zip(values, known, strict=True):
        row[list(value)] = list(value.values())
    return nullspace(values, field.p) if len(values) else np.eye(size)


class Basket:
    """Families kept while they raise the rank of all values together."""

    def __init__(self, field: PrimeField) -> None:
        self._p = field.p
        self._kept: list[tuple[Family, Values]] = []
        self.rank = 0

    @property
    def families(self) -> list[Family]:
        """What was kept, in order."""
        return [family for family, _ in self._kept]

    def offer(self, family: Family, values: Values) -> None:
        """Keep the family if its values raise the rank."""
        grown = sparse_rank([*chain(*(v for _, v in self._kept)), *values], self._p)
        if grown > self.rank:
            self._kept.append((family, values))
            self.rank = grown

    def offer_all(self, offers: Sequence[tuple[Family, Values]], wanted: int) -> None:
        """`offer` of one after another until the rank is the wanted one."""
        rows = [values for _, values in (*self._kept, *offers)]
        growth = rank_growth(rows, self._p)[len(self._kept):]
        for offer, grown in zip(offers, growth, strict=True):
            if self.rank >= wanted:
                break
            if grown:
                self._kept.append(offer)
                self.rank += grown

    def prune(self) -> list[Family]:
        """Drop families that the others make superfluous, small ones first; return them.

        A shift by a multiple of 1 is part of the shift head by head: the finer family stays.
        """
        spare: list[Family] = []
        if self.rank == sum(len(values) for _, values in self._kept):
            return spare
        among = [self._kept[k][0] for k in dependent_groups([v for _, v in self._kept])]
        for family in sorted(among, key=lambda f: len(f.fields)):
            rest = [pair for pair in self._kept if pair[0] is not family]
            if rest and sparse_rank([*chain(*(v for _, v in rest))], self._p) == self.rank:
                self._kept = rest
                spare.append(family)
        return spare
