"""The exact deriver: determining equations X f = 0 over GF(p), then a proof of every generator.

Candidates are sought leg by leg, from shifts to matrices to scalings; what is left is sought in
the general mode ansatz (every axis of every tensor, shifts, cross terms). Each family is kept
only if it raises the orbit rank, and only the generators that the proof table proves.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from itertools import combinations
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.derivers.ansatz import general_candidates
from symgauge.derivers.families import (
    Coordinates, Family, Form, Move, Place, columns_of, common_copies, matrix_columns,
)
from symgauge.exact.linear_algebra import nullspace, rank, rational_array
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.lie.fields import AffineField
from symgauge.network.legs import Axis, Location, follow
from symgauge.network.program import Network
from symgauge.network.proof import Proof, Prover, field_polynomials
from symgauge.network.sampling import (
    SPARE, Rows, balanced_shadow, jacobian_rows, rank_at_point, read_coordinates,
)
from symgauge.verdict import Verdict

#: Cells tried for the largest rank of a piecewise network.
CELLS = 4
#: Unknowns of the general ansatz above which it is not tried.
MAX_UNKNOWNS = 2500

Progress = Callable[[str], None]


@dataclass(frozen=True)
class Proved:
    """A family with the proofs of its generators."""

    family: Family
    proofs: tuple[Proof, ...]


@dataclass
class Found:
    """What the exact deriver found."""

    network: Network
    read: npt.NDArray[np.bool_]
    rank: int
    families: list[Proved]
    orbit_dimension: int
    #: Shadow parameters whose cell the rank was found on (piecewise networks), else empty.
    cell: dict[str, Array]
    notes: list[str] = field(default_factory=list)

    @property
    def parameters(self) -> int:
        """P, unread coordinates not counted."""
        return int(self.read.sum())


def generic_rank(
    network: Network, prime_field: PrimeField, rng: np.random.Generator,
    read: npt.NDArray[np.bool_],
) -> tuple[int, dict[str, Array]]:
    """Rank of the Jacobian at an exact random point: a lower bound on the generic rank.

    Piecewise networks: the largest over several well balanced cells, and the shadow of that cell.
    """
    piecewise = network.uses("step")
    best, cell = -1, {}
    for _ in range(CELLS if piecewise else 1):
        shadow = balanced_shadow(network, rng) if piecewise else {}
        found = rank_at_point(network, prime_field, rng, read, shadow)
        if found > best:
            best, cell = found, dict(shadow)
    return best, cell


class ExactDeriver:
    """Finds and proves the generators of one network."""

    def __init__(self, network: Network, seed: int, progress: Progress = lambda _: None) -> None:
        self.network = network
        self.field = PrimeField(next(primes()))
        self.rng = np.random.default_rng(seed)
        self.progress = progress
        self.read = read_coordinates(network)
        self.coordinates = Coordinates(network)
        self.legs, self.places, self.axes = follow(network)
        self._pool: Rows | None = None
        self._point = self.field.random(self.rng, (network.num_coordinates,))

    def run(self) -> Found:
        """The rank, the proved families, and their orbit rank."""
        self.progress("rank of the Jacobian")
        r, cell = generic_rank(self.network, self.field, self.rng, self.read)
        total = int(self.read.sum())
        found = Found(self.network, self.read, r, [], 0, cell)
        chosen, spare = self._select(total - r)
        prover = Prover(self.network)
        values = np.zeros((0, total))
        unproved = 0
        for candidate in [*chosen, *spare]:
            new = self._values(candidate.fields)
            if rank(np.concatenate([values, new]), self.field.p) == found.orbit_dimension:
                continue
            self.progress(f"proof of {candidate.kind} on {', '.join(candidate.tensors[:4])}")
            proofs = tuple(prover.prove(field_polynomials(prover, f)) for f in candidate.fields)
            good = [i for i, p in enumerate(proofs) if p.verdict is Verdict.PROVED]
            unproved += len(proofs) - len(good)
            if not good:
                continue
            if len(good) < len(proofs):
                candidate = replace(
                    candidate, kind="other", fields=tuple(candidate.fields[i] for i in good)
                )
                proofs = tuple(proofs[i] for i in good)
                new = self._values(candidate.fields)
            values = np.concatenate([values, new])
            found.orbit_dimension = rank(values, self.field.p)
            found.families.append(Proved(candidate, proofs))
        if unproved:
            found.notes.append(f"{unproved} candidate generators were not proved and are left out")
        return found

    def _select(self, wanted: int) -> tuple[list[Family], list[Family]]:
        """Candidates up to the wanted orbit rank, and those that the others make superfluous."""
        total = int(self.read.sum())
        kept: list[tuple[Family, Array]] = []
        have = 0
        for candidate in self._candidates():
            if have >= wanted:
                break
            new = self._values(candidate.fields)
            stacked = np.concatenate([np.zeros((0, total)), *(v for _, v in kept), new])
            grown = rank(stacked, self.field.p)
            if grown > have:
                kept.append((candidate, new))
                have = grown
        spare: list[Family] = []
        # a shift by a multiple of 1 is part of the shift head by head: the finer family stays
        for family, _ in sorted(kept, key=lambda pair: len(pair[0].fields)):
            rest = [pair for pair in kept if pair[0] is not family]
            stacked = np.concatenate([np.zeros((0, total)), *(v for _, v in rest)])
            if rank(stacked, self.field.p) == have:
                kept = rest
                spare.append(family)
        return [family for family, _ in kept], spare

    def _values(self, fields: Sequence[AffineField]) -> Array:
        return np.array([f.at(self._point, self.field)[self.read] for f in fields]).reshape(
            len(fields), int(self.read.sum()))

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

    def _candidates(self) -> Iterator[Family]:
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
        yield from self._general()

    def _solve(self, columns: Sequence[Array]) -> npt.NDArray[np.object_] | None:
        """Exact rational nullspace rows of the columns (unknowns last are the free ones)."""
        system = np.concatenate(columns, axis=1)
        return rational_array(nullspace(system, self.field.p), self.field.p)

    def _patterns(
        self, moves: Sequence[Move], kind: str, copies: tuple[int, ...], size: int
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
        self, kind: str, copies: tuple[int, ...], size: int, moves: Sequence[Move]
    ) -> Family:
        fields = self.coordinates.fields(kind, prod(copies), size, moves)  # type: ignore[arg-type]
        return Family(kind, copies, size, tuple(moves), fields)  # type: ignore[arg-type]

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
        shapes = self._copies(copies)
        if len(basis) == unknowns and size > 1:
            return self._family("gl", shapes, size, moves)
        if len(basis) == number * size * (size - 1) // 2 and size > 1:
            mats = basis.reshape(-1, number, size, size)
            if all((m == -m.transpose(0, 2, 1)).all() for m in mats):
                return self._family("so", shapes, size, moves)
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

    def _general(self) -> Iterator[Family]:
        """The mode ansatz on all tensors at once, one generator a family."""
        fields = general_candidates(self.network, self.coordinates, self._axes_of,
                                    self._signature, self.rows, self.flat_theta, self.field,
                                    MAX_UNKNOWNS, SPARE)
        for f in fields:
            yield Family("other", (), 1, self._touched(f), (f,))

    def _touched(self, f: AffineField) -> tuple[Move, ...]:
        names = []
        for p in self.network.parameters:
            start = self.network.offsets[p.name]
            if any(start <= k < start + p.size for k in f.support):
                names.append(p.name)
        return tuple(Move(n, "+c", None, Fraction(0)) for n in names)

