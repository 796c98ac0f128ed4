"""Whether entries that are fixed leave no direction of a certified derivation free, exactly.

Let S be the fixed coordinates, F the others that an output reads, and G the proved generators, all
at one point of the section {theta_S = values}, random elsewhere. If the columns S of G have rank
|S| there, orbits cross the section near that point, so they fill an open set; rank J is the same
along orbits, so at a generic point of the section it is the generic rank. Where the sandwich closed
with redundancy |S| the kernel of J is spanned by the generators there. A vector of the kernel that
is 0 on S is a combination of them that is 0 on S: it is 0, and J by F has full column rank.

The rank is taken modulo a prime, at integers: it is never above that over the rationals. Nothing is
assumed beyond what the certificate assumes. J by F is also evaluated itself, over residues.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from symgauge.derivation.record import DerivationRecord
from symgauge.errors import UndecidedError
from symgauge.exact.linear_algebra import row_reduce
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw
from symgauge.points.rank import rank_at_point
from symgauge.points.reads import read_coordinates
from symgauge.points.tokens import draw_tokens

#: Points of the section at which J is evaluated before it is given up: roots may not exist there.
TRIES = 8


@dataclass(frozen=True)
class Columns:
    """Coordinates whose columns of G are independent at a point of the section."""

    coordinates: tuple[int, ...]
    #: rank G there.
    orbit: int


class Exact:
    """A certified derivation's generators and Jacobian at points of a section."""

    def __init__(self, record: DerivationRecord, seed: int = 0) -> None:
        self.record, self.network = record, record.network()
        self.generators: Sequence[VectorField] = record.certificate.generators(self.network)
        self.read = read_coordinates(self.network)
        self._field = PrimeField(next(primes()))
        self._rng = np.random.default_rng(seed)

    def _point(self, values: Mapping[int, Fraction]) -> Array:
        theta: Array = self._field.random(self._rng, (self.network.num_coordinates,))
        for k, value in values.items():
            theta[k] = self._field.residue(value + self.network.added_at.get(k, 0))
        return theta

    def independent(self, values: Mapping[int, Fraction], order: Iterable[int]) -> Columns:
        """The coordinates of `order` whose columns are independent of those before.

        At a point with these values and random others. A generator that is not defined there, by
        a division by 0, is left out: it could only add to a rank.
        """
        theta = self._point(values)
        point = theta.astype(np.int64).tolist()
        columns = [k for k in order if self.read[k]]
        rows = np.zeros((len(self.generators), self.network.num_coordinates))
        for row, generator in zip(rows, self.generators, strict=True):
            if any(e < 0 and not point[j] for _, m in generator.terms for j, e in m):
                continue
            for k, value in generator.entries_at(point, self._field).items():
                row[k] = value
        _, pivots = row_reduce(np.ascontiguousarray(rows[:, columns]), self._field.p)
        rest = [k for k in np.flatnonzero(self.read) if k not in set(columns)]
        _, every = row_reduce(np.ascontiguousarray(rows[:, columns + rest]), self._field.p)
        return Columns(tuple(int(columns[k]) for k in pivots), len(every))

    def free_rank(self, values: Mapping[int, Fraction], fixed: Iterable[int]) -> int | None:
        """rank J by the coordinates that are free, over residues, at a point of the section.

        None where no point of it is found at which every root and quotient exists.
        """
        free = self.read.copy()
        free[list(fixed)] = False
        network = self.network
        for _ in range(TRIES):
            flat, theta = self._point(values), {}
            for p in network.parameters:
                start = network.offsets[p.name]
                theta[p.name] = flat[start:start + p.size].reshape(1, *p.shape)
            draw = Draw(
                network, self._field, self._rng, theta, self.record.certificate.cell(network),
                int(self._rng.integers(1 << 62)), draw_tokens(network, self._rng))
            try:
                return rank_at_point(draw, free, int(free.sum()))
            except UndecidedError:
                continue
        return None
