"""Families that are kept while they add to the orbit."""

from __future__ import annotations

from itertools import chain

from symgauge.exact.prime_field import PrimeField
from symgauge.exact.sparse import sparse_rank
from symgauge.families.family import Family

#: Fields at one point: their components that are not 0, by coordinate.
Values = list[dict[int, int]]


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

    def prune(self) -> list[Family]:
        """Drop families that the others make superfluous, small ones first; return them.

        A shift by a multiple of 1 is part of the shift head by head: the finer family stays.
        """
        spare: list[Family] = []
        for family, _ in sorted(self._kept, key=lambda pair: len(pair[0].fields)):
            rest = [pair for pair in self._kept if pair[0] is not family]
            if rest and sparse_rank([*chain(*(v for _, v in rest))], self._p) == self.rank:
                self._kept = rest
                spare.append(family)
        return spare
