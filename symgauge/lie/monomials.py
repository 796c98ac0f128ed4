"""Terms m(theta) d/d theta_k of polynomial fields, by degree in each tensor and by weight."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, combinations_with_replacement
from math import comb

import numpy as np
import numpy.typing as npt

from symgauge.exact.prime_field import Array, PrimeField
from symgauge.lie.fields import VectorField

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Terms:
    """Terms m(theta) d/d theta_k: coordinates k, shape (..., terms), and the factors of m.

    The factors have shape (..., terms, degree); coordinate -1 stands for 1.
    """

    targets: Numbers
    factors: Numbers

    @property
    def number(self) -> int:
        """How many terms there are."""
        return int(self.targets.shape[-1])

    def __getitem__(self, k: int | slice) -> Terms:
        return Terms(self.targets[k], self.factors[k])

    def columns(self, rows: Array, theta: Array, field: PrimeField) -> Array:
        """The pairing of Jacobian rows with each term, shape (rows, ..., terms)."""
        out = rows[:, self.targets]
        whole = np.concatenate([theta, np.ones((len(theta), 1))], axis=1)
        for factor in np.moveaxis(self.factors, -1, 0):
            out = field.mul(out, whole[:, factor])
        return out

    def field_of(self, vector: npt.NDArray[np.object_]) -> VectorField:
        """The field with these coefficients."""
        entries = []
        for t in np.flatnonzero(vector != 0):
            factors = [j for j in self.factors[t].tolist() if j >= 0]
            monomial = tuple((j, factors.count(j)) for j in sorted(set(factors)))
            entries.append((int(self.targets[t]), monomial, Fraction(vector[t])))
        return VectorField.collect(entries)


@dataclass(frozen=True)
class Group:
    """Coordinates whose degrees are counted together; `even` where fields have parts by degree."""

    coordinates: Numbers
    even: bool

    def count(self, degree: int) -> int:
        """The number of monomials of a degree, or up to it."""
        n = len(self.coordinates) + (not self.even)
        return comb(n + degree - 1, degree) if degree >= 0 else 0

    def monomials(self, degree: int) -> Numbers:
        """The factors of each, shape (monomials, degree)."""
        used = self.coordinates.tolist() if self.even else [-1, *self.coordinates.tolist()]
        found = list(combinations_with_replacement(used, degree))
        return np.array(found, dtype=np.int64).reshape(len(found), degree)


@dataclass(frozen=True)
class Box:
    """The terms of one degree in each group: m has one more in that of its target."""

    groups: tuple[Group, ...]
    degrees: tuple[int, ...]

    def _around(self, target: int) -> list[int]:
        return [d + (k == target) for k, d in enumerate(self.degrees)]

    def _targets(self) -> list[int]:
        return [k for k in range(len(self.groups)) if min(self._around(k)) >= 0]

    @property
    def size(self) -> int:
        """The number of terms."""
        total = 0
        for k in self._targets():
            number = len(self.groups[k].coordinates)
            for group, degree in zip(self.groups, self._around(k), strict=True):
                number *= group.count(degree)
            total += number
        return total

    def by_weight(self, labels: Numbers, p: int) -> Iterator[Terms]:
        """The terms of each weight, those weights with as many terms together: fewest first.

        Weights all of whose terms a smaller box has are left out.

        `labels`: those of the coordinates (see `grading`), shape (2, P).
        """
        targets, factors, highest = self._terms()
        if not len(targets):
            return
        whole = np.concatenate([labels, np.zeros((len(labels), 1), np.int64)], axis=1)
        first, second = (whole[:, factors].sum(axis=2) - whole[:, targets]) % p
        order = np.lexsort((first, second))
        keys = first[order] + p * second[order]
        starts = np.flatnonzero(np.concatenate([[True], keys[1:] != keys[:-1]]))
        sizes = np.diff(np.append(starts, len(keys)))
        reached = np.bitwise_or.reduceat(highest[order], starts)
        wanted = (1 << len(self.groups)) - 1
        kept = (reached == wanted) & (sizes > 1)
        for size in np.unique(sizes[kept]).tolist():
            own = order[starts[kept & (sizes == size), None] + np.arange(size)]
            yield Terms(targets[own], factors[own])

    def _terms(self) -> tuple[Numbers, Numbers, Numbers]:
        """All terms, and in which groups each has the full degree, as bits."""
        targets, factors, highest = [], [], []
        for k in self._targets():
            whole = np.zeros((1, 0), dtype=np.int64)
            bits = np.zeros(1, dtype=np.int64)
            for number, (group, degree) in enumerate(
                    zip(self.groups, self._around(k), strict=True)):
                part = group.monomials(degree)
                full = (part >= 0).all(axis=1).astype(np.int64) << number
                bits = (bits[:, None] | full).reshape(-1)
                whole = np.concatenate([
                    np.repeat(whole, len(part), axis=0), np.tile(part, (len(whole), 1))], axis=1)
            own = self.groups[k].coordinates
            targets.append(np.repeat(own, len(whole)))
            factors.append(np.tile(whole, (len(own), 1)))
            highest.append(np.tile(bits, len(own)))
        if not targets:
            nothing = np.zeros(0, dtype=np.int64)
            return nothing, nothing[:, None], nothing
        return np.concatenate(targets), np.concatenate(factors), np.concatenate(highest)


def boxes(groups: Sequence[Group], degree: int, most: int) -> list[Box]:
    """Those of a total degree at most, of at most so many terms, smallest first."""
    n = len(groups)
    found: list[Box] = []
    for total in range(-1, degree + 1):
        # stars and bars, for degrees + 1
        for bars in combinations(range(total + 2 * n - 1), n - 1):
            ends = (-1, *bars, total + 2 * n - 1)
            degrees = tuple(b - a - 2 for a, b in zip(ends, ends[1:], strict=False))
            if degrees.count(-1) <= 1:
                found.append(Box(tuple(groups), degrees))
    return sorted((b for b in found if 0 < b.size <= most), key=lambda b: b.size)
