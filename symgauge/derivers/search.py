"""Candidate families on one network: determining equations X f = 0 over GF(p), leg by leg.

From shifts to matrices to scalings; each family is a small linear system of its own. What is
found satisfies the equations at fresh inputs, parameters and cells; nothing is proved here.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from itertools import combinations
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.derivers.ansatz import general_candidates
from symgauge.derivers.families import (
    Coordinates, Family, Form, Kind, Move, Place, basis_matrices, columns_of, common_copies,
    matrix_columns, touched,
)
from symgauge.exact.linear_algebra import nullspace, rank, rational_array
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.network.legs import Axis, Location, follow
from symgauge.network.program import Network
from symgauge.network.sampling import SPARE, Rows, jacobian_rows

#: Unknowns of one system above which it is not tried.
MAX_UNKNOWNS = 2500


class Search:
    """The candidates of one network."""

    def __init__(self, network: Network, field: PrimeField, rng: np.random.Generator) -> None:
        self.network, self.field, self.rng = network, field, rng
        self.coordinates = Coordinates(network)
        self.legs, self.places, self.axes = follow(network)
        self._pool: Rows | None = None

    # -- rows ----------------------------------------------------------------------------------

    def rows(self, count: int) -> Rows:
        """At least `count` rows, each at a theta, an input and a cell of its own."""
        have = 0 if self._pool is None else len(self._pool.rows)
        if have < count:
            fresh = jacobian_rows(self.network, self.field, self.rng, count - have)
            if self._pool is None:
                self._pool = fresh
            else:
                self._pool = Rows(
                    np.concatenate([self._pool.rows, fresh.rows]),
                    {n: np.concatenate([v, fresh.parameters[n]])
                     for n, v in self._pool.parameters.items()},
                )
        assert self._pool is not None
        return Rows(self._pool.rows[:count], {n: v[:count] for n, v in
                                              self._pool.parameters.items()})

    def flat_theta(self, rows: Rows) -> Array:
        """The parameters of each row as one vector."""
        return np.concatenate(
            [rows.parameters[p.name].reshape(len(rows.rows), -1) for p in self.network.parameters],
            axis=1,
        )

    # -- candidates ----------------------------------------------------------------------------

    def structured(self) -> Iterator[Family]:
        """Families that satisfy the determining equations at fresh points, simplest first."""
        legs = [(leg, places) for leg, places in self.places.items() if places]
        yield from self._uniform()
        for leg, places in legs:
            yield from self._translations(leg, places)
        for leg, places in legs:
            yield from self._matrices(leg, places)
        for leg, places in legs:
            yield from self._diagonals(leg, places)
        yield from self._scalars()

    def _solve(self, columns: Sequence[Array]) -> npt.NDArray[np.object_] | None:
        """Exact rational nullspace rows of the columns (unknowns last are the free ones)."""
        system = np.concatenate(columns, axis=1)
        return rational_array(nullspace(system, self.field.p), self.field.p)

    def _patterns(
        self, moves: Sequence[Move], kind: Kind, copies: tuple[int, ...], size: int
    ) -> Iterator[Family]:
        """Families of per-index moves: weights on the moves that do not depend on the index."""
        slots = prod(copies) * size
        rows = self.rows(len(moves) * slots + SPARE)
        theta = self.flat_theta(rows)
        columns = [columns_of(self.coordinates, m, rows.rows, theta, self.field) for m in moves]
        basis = self._solve(columns)
        if basis is None:
            return
        patterns: dict[tuple[tuple[int, Fraction], ...], set[int]] = {}
        for vector in basis:
            used = np.flatnonzero(vector != 0)
            at = {int(u) % slots for u in used}
            if len(at) != 1:
                continue
            pattern = tuple((int(u) // slots, Fraction(vector[u])) for u in used)
            lead = pattern[0][1]
            key = tuple((m, w / lead) for m, w in pattern)
            patterns.setdefault(key, set()).add(at.pop())
        for pattern, covered in patterns.items():
            if len(covered) < slots:
                continue
            chosen = [replace(moves[m], weight=w) for m, w in pattern]
            yield self._family(kind, copies, size, chosen)

    def _family(
        self, kind: Kind, copies: tuple[int, ...], size: int, moves: Sequence[Move]
    ) -> Family:
        fields = self.coordinates.fields(kind, prod(copies), size, moves)
        return Family(kind, copies, size, tuple(moves), fields)

    def _copies(self, legs: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.legs.leg_size(leg) for leg in legs)

    def _uniform(self) -> Iterator[Family]:
        """One number added to whole tensors."""
        moves = [Move(p.name, "+c", None) for p in self.network.parameters]
        yield from self._patterns(moves, "translation", (), 1)

    def _places(self, leg: int, places: Sequence[Location]) -> list[Location]:
        # a tensor that holds the leg twice in one axis cannot be addressed
        return [p for p in places if p.factors.count(leg) == 1]

    def _translations(self, leg: int, places: Sequence[Location]) -> Iterator[Family]:
        """c along the leg: biases shift, and readers of the shift compensate (b -= W c)."""
        places = self._places(leg, places)
        if not places:
            return
        copies = common_copies(places, leg)
        size = self.legs.leg_size(leg)
        cross = [
            Move(target, "+Tc", Place.of(p, copies), Fraction(1), p.parameter)
            for p in places for target in self._readers(p)
        ]
        shifts = [Move(p.parameter, "+c", Place.of(p, copies)) for p in places]
        yield from self._patterns([*cross, *shifts], "translation", self._copies(copies), size)

    def _readers(self, place: Location) -> list[str]:
        """Parameters whose axes are the other axes of the place's tensor."""
        others = [
            self._signature(axis) for a, axis in enumerate(self._axes_of(place.parameter))
            if a != place.axis
        ]
        sizes = [n for a, n in enumerate(self.coordinates.shapes[place.parameter])
                 if a != place.axis]
        found = []
        for p in self.network.parameters:
            if p.name == place.parameter or list(p.shape) != sizes:
                continue
            if [self._signature(axis) for axis in self._axes_of(p.name)] == others:
                found.append(p.name)
        return found

    def _axes_of(self, parameter: str) -> list[Axis]:
        names = [p.name for p in self.network.parameters]
        return self.axes[self.network.parameter_nodes[names.index(parameter)]]

    def _signature(self, axis: Axis) -> tuple[tuple[int, ...], ...]:
        return tuple(
            (p.start, *p.factors) for p in self.legs.locate("", 0, axis) if p.along == 0
        )

    def _matrices(self, leg: int, places: Sequence[Location]) -> Iterator[Family]:
        """The same matrix on every axis that carries the leg, g or g^-T by parity."""
        places = self._places(leg, places)
        size = self.legs.leg_size(leg)
        if not places:
            return
        everything = common_copies(places, leg)
        for k in range(len(everything), -1, -1):
            for copies in combinations(everything, k):
                family = self._matrix_family(places, list(copies), size)
                if family is not None:
                    yield family
                    return

    def _matrix_family(
        self, places: Sequence[Location], copies: list[int], size: int
    ) -> Family | None:
        first = places[0].parity
        forms: list[Form] = ["g" if p.parity == first else "g^-T" for p in places]
        moves = [
            Move(p.parameter, form, Place.of(p, copies))
            for p, form in zip(places, forms, strict=True)
        ]
        number = prod(self._copies(copies))
        unknowns = number * size * size
        if unknowns > MAX_UNKNOWNS:
            return None
        rows = self.rows(unknowns + SPARE)
        columns = matrix_columns(
            self.coordinates, moves, rows.rows, self.flat_theta(rows), self.field
        )
        basis = self._solve([columns])
        if basis is None:
            return None
        kinds: tuple[Kind, ...] = ("gl", "so", "so1")
        for kind in kinds:
            wanted = basis_matrices(kind, size)
            if wanted and len(basis) == number * len(wanted):
                spanned = np.zeros((number * len(wanted), unknowns))
                for c in range(number):
                    for b, matrix in enumerate(wanted):
                        for i, j, w in matrix:
                            at = (c * size + i) * size + j
                            spanned[c * len(wanted) + b, at] = self.field.residue(w)
                both = np.concatenate([spanned, _residues(basis, self.field)])
                if rank(both, self.field.p) == len(basis):
                    return self._family(kind, self._copies(copies), size, moves)
        return None

    def _diagonals(self, leg: int, places: Sequence[Location]) -> Iterator[Family]:
        """A number for each index: weights on the axes, and log s added to one-axis tensors."""
        places = self._places(leg, places)
        if not places:
            return
        copies = common_copies(places, leg)
        shifts = [
            Move(p.parameter, "+c", Place.of(p, copies)) for p in places
            if len(self.coordinates.shapes[p.parameter]) == 1
        ]
        scalings = [Move(p.parameter, "s^k", Place.of(p, copies)) for p in places]
        moves = [*shifts, *scalings]
        yield from self._patterns(moves, "diagonal", self._copies(copies), self.legs.leg_size(leg))

    def _scalars(self) -> Iterator[Family]:
        """Whole tensors, and blocks of packed ones, scaled by powers of one number."""
        moves: list[Move] = []
        for p in self.network.parameters:
            blocks = [
                Place(q.axis, q.start, (1, prod(q.sizes)), 0)
                for axis, value in enumerate(self._axes_of(p.name))
                for q in self.legs.locate(p.name, axis, value)
                if q.along == 0 and prod(q.sizes) < p.shape[axis]
            ]
            moves += [Move(p.name, "s^k", b) for b in blocks] or [Move(p.name, "s^k", None)]
        yield from self._patterns(moves, "diagonal", (), 1)

    def general(self) -> Iterator[Family]:
        """The mode ansatz on all tensors at once, one generator a family."""
        fields = general_candidates(self.network, self.coordinates, self._axes_of,
                                    self._signature, self.rows, self.flat_theta, self.field,
                                    MAX_UNKNOWNS, SPARE)
        for f in fields:
            yield Family("other", (), 1, touched(self.network, f), (f,))


def _residues(values: npt.NDArray[np.object_], field: PrimeField) -> Array:
    out = np.zeros(values.shape)
    for where, value in np.ndenumerate(values):
        if value:
            out[where] = field.residue(value)
    return out
