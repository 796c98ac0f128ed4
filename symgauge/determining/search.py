"""Candidate families on one network: determining equations X f = 0 over GF(p), leg by leg.

From shifts to matrices to scalings; each family is a small linear system of its own. What is
found satisfies the equations at fresh inputs, parameters and cells; nothing is proved here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations, islice
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.determining.ansatz import general_candidates
from symgauge.determining.grading import Grading, grading
from symgauge.families.columns import columns_of, common_copies, matrix_columns
from symgauge.exact.linear_algebra import nullspace, rank, rational_from_primes
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.families.coordinates import Coordinates, touched
from symgauge.families.family import Family, Move, Place, joined
from symgauge.families.kind import Form, Kind
from symgauge.families.kinds import kinds_on_legs
from symgauge.families.kinds.diagonal import SCALING
from symgauge.families.kinds.other import GENERATORS
from symgauge.families.kinds.translation import SHIFT
from symgauge.families.offsets import with_offsets
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw
from symgauge.points.rows import SPARE, jacobian_rows
from symgauge.program.legs import Axis, Location
from symgauge.program.network import Network
from symgauge.spaces.follow import follow

#: Unknowns of one system above which it is not tried.
MAX_UNKNOWNS = 2500
#: Primes of 26 bits that a solution is reconstructed from.
MAX_PRIMES = 8

#: The columns of a system, from rows of the Jacobian and their parameters.
Columns = Callable[[Array, Array, PrimeField], Array]


class Search:
    """The candidates of one network."""

    def __init__(self, network: Network, field: PrimeField, rng: np.random.Generator) -> None:
        self.network, self.field, self.rng = network, field, rng
        self.coordinates = Coordinates(network)
        # of the program in which a gain u + w is plain: the equations are in these
        self._plain = Coordinates(network.plain)
        self.legs, self.places, self.axes = follow(network)
        self._pools: dict[int, tuple[Array, ...]] = {}
        self._formless: list[Family] = []

    @cached_property
    def grading(self) -> Grading:
        """The weights of all scalings of the network."""
        return grading(self.network, self.field, self.rng)

    # -- rows ----------------------------------------------------------------------------------

    def rows(self, count: int, field: PrimeField | None = None) -> tuple[Array, ...]:
        """`count` rows and their thetas, each at a theta, an input and a cell of its own.

        With flows a third array has the rows times the factor of the durations.
        """
        field = field or self.field
        have = self._pools.get(field.p)
        if have is None or len(have[0]) < count:
            missing = count - (0 if have is None else len(have[0]))
            fresh = jacobian_rows(Draw(self.network, field, self.rng), missing)
            theta = np.concatenate(
                [fresh.parameters[p.name].reshape(len(fresh.rows), -1)
                 for p in self.network.parameters], axis=1,
            )
            new = (fresh.rows, theta, fresh.shifted)
            have = new if have is None else tuple(
                np.concatenate(pair) for pair in zip(have, new, strict=True))
            self._pools[field.p] = have
        return tuple(part[:count] for part in have)

    def at_duration(self, unknowns: int, columns: Columns) -> npt.NDArray[np.object_] | None:
        """Solutions that are affine in the factor s of the durations, at s = 1.

        A shift that grows along a flow, such as xi = (t - t0) c, is compensated behind it by as
        much as the flow lasts.
        """
        if 2 * unknowns > MAX_UNKNOWNS:
            return None
        found = self.nullspace(unknowns, columns, True)
        if found is None or not len(found):
            return None
        out: npt.NDArray[np.object_] = found[:, :unknowns] + found[:, unknowns:]
        kept: npt.NDArray[np.object_] = out[(out != 0).any(axis=1)]
        return kept

    def nullspace(
        self, unknowns: int, columns: Columns, affine: bool = False
    ) -> npt.NDArray[np.object_] | None:
        """Exact solutions of the determining equations as rows; unknowns last are free.

        Modulo one prime where the solutions are small fractions, else modulo several. None
        where the primes disagree or no fraction is found.
        """
        images: list[Array] = []
        used: list[int] = []
        for p in islice(primes(), MAX_PRIMES):
            field = PrimeField(p)
            rows, theta, shifted = self.rows((1 + affine) * unknowns + SPARE, field)
            matrix = columns(rows, theta, field)
            if affine:
                matrix = np.concatenate([matrix, columns(shifted, theta, field)], axis=1)
            image = nullspace(matrix, p)
            if not len(image):
                return image.astype(object)
            if images and image.shape != images[0].shape:
                return None
            images.append(image)
            used.append(p)
            found = rational_from_primes(images, used)
            if found is not None:
                return found
        return None

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
        for leg, places in legs:
            yield from self._gained_shifts(leg, places)

    def _patterns(
        self, moves: Sequence[Move], kind: Kind, copies: tuple[int, ...], size: int
    ) -> Iterator[Family]:
        """Families of per-index moves: weights on the moves that do not depend on the index."""
        slots = prod(copies) * size
        cache: dict[int, list[Array]] = {}

        def of_slot(slot: int) -> Columns:
            def columns(rows: Array, theta: Array, field: PrimeField) -> Array:
                if field.p not in cache:
                    cache[field.p] = [
                        columns_of(self.coordinates, m, rows, theta, field) for m in moves
                    ]
                return np.stack([c[:, slot] for c in cache[field.p]], axis=1)

            return columns

        patterns: dict[tuple[tuple[int, Fraction], ...], set[int]] = {}
        for slot in range(slots):
            # each index by itself: a symmetry that mixes indices is not of this form
            basis = self.nullspace(len(moves), of_slot(slot))
            for vector in () if basis is None else basis:
                used = np.flatnonzero(vector != 0)
                lead = Fraction(vector[used[0]])
                key = tuple((int(u), Fraction(vector[u]) / lead) for u in used)
                patterns.setdefault(key, set()).add(slot)
        # each solution of a slot is named by its free unknown, the last one used
        uneven: dict[int, list[tuple[int, tuple[tuple[int, Fraction], ...]]]] = {}
        for pattern, covered in patterns.items():
            finite = all(moves[m].form != "+T*c" for m, _ in pattern)
            if len(covered) == slots and finite:
                chosen = [replace(moves[m], weight=w) for m, w in pattern]
                if kind.is_scaling:
                    together = joined(chosen)
                    chosen = [replace(m, weight=m.weight / together[0].weight) for m in together]
                yield from self.family(kind, copies, size, chosen)
            else:
                where = uneven.setdefault(pattern[-1][0], [])
                where += [(slot, pattern) for slot in covered]
        for parts in uneven.values():
            if sorted(slot for slot, _ in parts) == list(range(slots)):
                yield self._uneven(kind, copies, size, moves, sorted(parts))

    def _uneven(
        self, kind: Kind, copies: tuple[int, ...], size: int, moves: Sequence[Move],
        parts: Sequence[tuple[int, tuple[tuple[int, Fraction], ...]]],
    ) -> Family:
        """The same moves at every index, with weights that depend on it (fixed statistics)."""
        fields = []
        for slot, pattern in parts:
            chosen = [replace(moves[m], weight=w) for m, w in pattern]
            fields.append(self._plain.fields(kind, prod(copies), size, chosen)[slot])
        return _generated([moves[m] for _, pattern in parts for m, _ in pattern], fields)

    def family(
        self, kind: Kind, copies: tuple[int, ...], size: int, moves: Sequence[Move]
    ) -> Iterator[Family]:
        """The family of moves of coordinates as one of parameters; what has no form there waits."""
        fields = self._plain.fields(kind, prod(copies), size, moves)
        own = with_offsets(
            Family(kind, copies, size, tuple(moves), fields), self.network.added)
        if own is None:
            self._formless.append(_generated(moves, fields))
        else:
            yield own

    def _copies(self, legs: Sequence[int]) -> tuple[int, ...]:
        return tuple(self.legs.leg_size(leg) for leg in legs)

    def _uniform(self) -> Iterator[Family]:
        """One number added to whole tensors."""
        moves = [Move(p.name, "+c", None) for p in self.network.parameters]
        yield from self._patterns(moves, SHIFT, (), 1)

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
        yield from self._patterns([*cross, *shifts], SHIFT, self._copies(copies), size)

    def _gained_shifts(self, leg: int, places: Sequence[Location]) -> Iterator[Family]:
        """c along the leg, with biases behind a gain that compensate: b -= gain c entrywise."""
        places = self._places(leg, places)
        if not places:
            return
        copies = common_copies(places, leg)
        lines = [p for p in places if len(self.coordinates.shapes[p.parameter]) == 1]
        scaled = [
            Move(p.parameter, "+T*c", Place.of(p, copies), Fraction(1), q.parameter)
            for p in lines for q in lines
            if p.parameter != q.parameter and replace(p, parameter=q.parameter, parity=q.parity)
            == replace(q, parity=q.parity)
        ]
        if scaled:
            shifts = [Move(p.parameter, "+c", Place.of(p, copies)) for p in lines]
            yield from self._patterns(
                [*scaled, *shifts], SHIFT, self._copies(copies), self.legs.leg_size(leg)
            )

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
                found = self._matrix_kind(places, list(copies), size)
                if found is not None:
                    kind, moves = found
                    yield from self.family(kind, self._copies(copies), size, moves)
                    return

    def _matrix_kind(
        self, places: Sequence[Location], copies: list[int], size: int
    ) -> tuple[Kind, list[Move]] | None:
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
        basis = self.nullspace(unknowns, lambda rows, theta, field: matrix_columns(
            self.coordinates, moves, rows, theta, field
        ))
        if basis is None:
            return None
        found = residues(basis, self.field)
        for kind in kinds_on_legs(size):
            wanted = kind.basis(size)
            if number * len(wanted) > len(found):
                continue
            spanned = np.zeros((number * len(wanted), unknowns))
            for c in range(number):
                for b, matrix in enumerate(wanted):
                    for i, j, w in matrix:
                        at = (c * size + i) * size + j
                        spanned[c * len(wanted) + b, at] = self.field.residue(w)
            # more may solve the equations: a matrix that only moves what a norm cannot see
            if rank(np.concatenate([spanned, found]), self.field.p) == len(found):
                return kind, moves
        return None

    def _diagonals(self, leg: int, places: Sequence[Location]) -> Iterator[Family]:
        """A number for each index: weights on the axes, and log s added to rows of numbers.

        Both on one tensor scale a gain with an offset, w + u.
        """
        places = self._places(leg, places)
        if not places:
            return
        copies = common_copies(places, leg)
        shifts = [
            Move(p.parameter, "+c", Place.of(p, copies)) for p in places
            if max(shape := self.coordinates.shapes[p.parameter]) == prod(shape)
        ]
        scalings = [Move(p.parameter, "s^k", Place.of(p, copies)) for p in places]
        moves = [*shifts, *scalings]
        yield from self._patterns(moves, SCALING, self._copies(copies), self.legs.leg_size(leg))

    def _scalars(self) -> Iterator[Family]:
        """Whole tensors, and blocks of packed ones, scaled by powers of one number.

        Its logarithm is added to whole tensors, for gains with an offset.
        """
        moves: list[Move] = [Move(p.name, "+c", None) for p in self.network.parameters]
        for p in self.network.parameters:
            blocks = [
                Place(q.axis, q.start, (1, prod(q.sizes)), 0)
                for axis, value in enumerate(self._axes_of(p.name))
                for q in self.legs.locate(p.name, axis, value)
                if q.along == 0 and prod(q.sizes) < p.shape[axis]
            ]
            moves += [Move(p.name, "s^k", b) for b in blocks] or [Move(p.name, "s^k", None)]
        yield from self._patterns(moves, SCALING, (), 1)

    def general(self) -> Iterator[Family]:
        """What was found without an action, then the mode ansatz on all tensors at once.

        Of the ansatz one generator is a family.
        """
        yield from self._formless
        solvers = [self.nullspace, self.at_duration] if self.network.has_flows else [
            self.nullspace]
        for solve in solvers:
            fields = general_candidates(self.network, self.coordinates, self._axes_of,
                                        self._signature, solve, MAX_UNKNOWNS)
            for f in fields:
                yield Family(GENERATORS, (), 1, touched(self.network, f), (f,))


def _generated(moves: Iterable[Move], fields: Iterable[VectorField]) -> Family:
    """Fields as a family of its own, without an action: of its moves what they move is told."""
    names = dict.fromkeys(m.parameter for m in moves)
    shown = tuple(Move(n, "+c", None, Fraction(0)) for n in names)
    return Family(GENERATORS, (), 1, shown, tuple(fields))


def residues(values: npt.NDArray[np.object_], field: PrimeField) -> Array:
    out = np.zeros(values.shape)
    for where, value in np.ndenumerate(values):
        if value:
            out[where] = field.residue(value)
    return out
