"""Coordinates of the parameters, and the vector fields of families on them."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from itertools import islice, product
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.families.family import Family, Move, Place, Through, held_values
from symgauge.families.kind import Kind, MatrixKind, Sparse
from symgauge.families.part import Part
from symgauge.lie.fields import Monomial, Number, VectorField, times
from symgauge.program.network import Network


def touched(network: Network, f: VectorField) -> tuple[Move, ...]:
    """The parameters that a field moves, as moves without an action."""
    return tuple(
        Move(n, "+c", None, Fraction(0)) for n in parameters_at(network, f.support))


def parameters_at(network: Network, coordinates: Iterable[int]) -> list[str]:
    """The parameters that these coordinates are of, in order."""
    starts = [network.offsets[p.name] for p in network.parameters]
    found = sorted({bisect_right(starts, k) - 1 for k in coordinates})
    return [network.parameters[i].name for i in found]


def held_coordinates(network: Network, slices: Iterable[Through]) -> dict[str, Fraction]:
    """`held_values` as values of the coordinates, for `Network.fixed`."""
    return {n: v + network.added.get(n, 0) for n, v in held_values(slices).items()}


class Coordinates:
    """Flat coordinates of the parameters of a network, addressed by places."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.shapes = {p.name: p.shape for p in network.parameters}
        self.total = network.num_coordinates
        self._added = network.added

    def offset(self, move: Move, parameter: str | None = None) -> Fraction:
        """The move's offset as one of the coordinates of what it moves, or of another parameter."""
        return move.offset - self._added.get(parameter or move.parameter, 0)

    def whole(self, parameter: str, part: Part = ()) -> npt.NDArray[np.int64]:
        """Coordinates of a parameter, or of a part of it, in its own shape."""
        shape = self.shapes[parameter]
        start = self.network.offsets[parameter]
        index = np.arange(start, start + prod(shape), dtype=np.int64).reshape(shape)
        return _part(index, part)

    def moved(self, move: Move) -> npt.NDArray[np.int64]:
        """Where a move acts on its parameter (not "+Tc", which changes all of it): see `at`."""
        return self.at(move.parameter, move.at, move.part)

    def read(self, move: Move) -> npt.NDArray[np.int64]:
        """Where the place of a move is in its source: see `at`."""
        assert move.source is not None
        return self.at(move.source, move.at, move.source_part)

    def at(
        self, parameter: str, place: Place | None, part: Part = ()
    ) -> npt.NDArray[np.int64]:
        """Shape (copies, size, repeats, other axes flattened).

        None is the whole tensor, or part: one copy, size 1.
        """
        index = self.whole(parameter, part)
        if place is None:
            return index.reshape(1, 1, 1, -1)
        piece, size, count = _piece(index, place)
        return piece.reshape(prod(place.copies), size, -1, count)

    def counts(self, move: Move) -> tuple[int, int]:
        """How many copies the place of a move has, in its source if it has one, and their size.

        The first two numbers of the shape of `at`, at any size: nothing is allocated.
        """
        name, part = (move.parameter, move.part) if move.form == "+c/T" or not move.source else (
            move.source, move.source_part)
        like = _part(np.broadcast_to(np.int64(0), self.shapes[name]), part)
        return (1, 1) if move.at is None else (prod(move.at.copies), _piece(like, move.at)[1])

    def fields(
        self, kind: Kind, copies: int, size: int, moves: Sequence[Move], every: int = 1
    ) -> tuple[VectorField, ...]:
        """One field per basis element, or `every` so many: copy by copy, E_ij row-major."""
        if isinstance(kind, MatrixKind):
            each = product(range(copies), kind.basis(size))
            return tuple(
                self._matrix_field(c, matrix, moves) for c, matrix in islice(each, 0, None, every))
        both = product(range(copies), range(size))
        return tuple(self._vector_field(c, i, moves) for c, i in islice(both, 0, None, every))

    def fields_of(self, family: Family, every: int = 1) -> tuple[VectorField, ...]:
        """The fields of a family's own moves, where its slices hold."""
        return self.fields(family.kind, prod(family.copies), family.size, family.moves, every)

    def _matrix_field(self, c: int, matrix: Sparse, moves: Sequence[Move]) -> VectorField:
        linear: list[tuple[int, int, Fraction]] = []
        of_form: list[tuple[int, Monomial, Number]] = []
        for move in moves:
            whole = self.moved(move)
            index = whole[c].reshape(whole.shape[1], -1)
            self.require_plain(move.parameter, *move.reads)
            if move.source is not None:
                weights = self.whole(move.source, move.source_part).reshape(-1).tolist()
                of_form += [
                    (int(k), times(((int(m), 1),), ((weights[b], 1),)), w)
                    for a, b, w in matrix for k, m in zip(index[a], index[b], strict=True)]
                continue
            for a, b, w in matrix:
                if move.form == "g^-T":
                    a, b, w = b, a, -w
                elif move.form == "g^-1":
                    w = -w
                linear += [
                    (int(k), int(m), w) for k, m in zip(index[a], index[b], strict=True)
                ]
        return VectorField.collect(of_form) if of_form else VectorField.build([], linear)

    def _vector_field(self, c: int, i: int, moves: Sequence[Move]) -> VectorField:
        terms: list[tuple[int, Monomial, Number]] = []
        for move in moves:
            sums = self._sums(move)
            terms += [
                (k, times(m, n), w) for k, m, w in self._terms_of(move, c, i) for n in sums]
        return VectorField.collect(terms)

    def _sums(self, move: Move) -> list[Monomial]:
        """The monomials of the sum that a move is multiplied by; 1 where it is by none."""
        if move.sum_of is None:
            return [()]
        self.require_plain(move.sum_of, move.sum_over)
        of = self.whole(move.sum_of).reshape(-1).tolist()
        if move.sum_over is None:
            return [((k, 1),) for k in of]
        over = self.whole(move.sum_over).reshape(-1).tolist()
        return [times(((k, 1),), ((j, -1),)) for k, j in zip(of, over, strict=True)]

    def _terms_of(self, move: Move, c: int, i: int) -> Iterator[tuple[int, Monomial, Number]]:
        """The terms of a move at the unit (c, i) of the element, without the sum."""
        w = move.weight
        if move.form in ("+Tc", "+T*c"):
            self.require_plain(move.source)
        if move.form == "+Tc":
            target = self.whole(move.parameter, move.part).reshape(-1).tolist()
            for row in self.read(move)[c, i].tolist():
                yield from ((k, ((m, 1),), w) for k, m in zip(target, row, strict=True))
            return
        index = self.moved(move)[c, i].reshape(-1).tolist()
        if move.form == "+c/T":
            if self.offset(move, move.source):
                raise ValueError(f"{move.source} is divided by, and its coordinates are others")
            over = dict(zip(*self._divisors(move), strict=True))
            yield from ((k, ((over[k], -1),), w) for k in index)
        elif move.form == "+T*c":
            source = self.read(move)[c, i].reshape(-1).tolist()
            yield from ((k, ((m, 1),), w) for k, m in zip(index, source, strict=True))
        elif move.form == "s^k":
            yield from ((k, ((k, 1),), w) for k in index)
            yield from ((k, (), w * self.offset(move)) for k in index)
        else:
            yield from ((k, (), w) for k in index)

    def require_plain(self, *parameters: str | None) -> None:
        """Raises ValueError where what is read or turned is not its own coordinates."""
        for name in parameters:
            if name in self._added:
                raise ValueError(f"{name} is read as it is, and its coordinates are others")

    def _divisors(self, move: Move) -> tuple[list[int], list[int]]:
        """Of "+c/T": the entries of the target, and the entry of T that each is over."""
        assert move.source is not None
        target = self.whole(move.parameter, move.part)
        source = np.broadcast_to(self.whole(move.source, move.source_part), target.shape)
        return target.reshape(-1).tolist(), source.reshape(-1).tolist()


def _part(index: npt.NDArray[np.int64], part: Part) -> npt.NDArray[np.int64]:
    if not part:
        return index
    axis, first, stop = part
    return index[(slice(None),) * axis + (slice(first, stop),)]


def _piece(index: npt.NDArray[np.int64], place: Place) -> tuple[npt.NDArray[np.int64], int, int]:
    """The entries of a place: axes of copies, of the element, of repeats, others; two products."""
    rank = index.ndim
    index = np.moveaxis(index, place.axis, 0)
    if place.periods:
        k, n, *begin = place.periods
        index = index[sum(begin):][:prod(place.sizes[:k]) * n]
        index = index.reshape(-1, n, *index.shape[1:])
        piece = index[:, place.start:place.start + place.length]
    else:
        piece = index[place.start:place.start + place.length]
    k, beside = len(place.sizes), place.other_axes
    piece = piece.reshape(*place.sizes, *piece.shape[1 + bool(place.periods):])
    # the axis itself stands in front now
    axes = [a for a in range(rank) if a != place.axis]
    where = {a: k + i for i, a in enumerate(axes)}
    per = [i if isinstance(i, int) else where[i[0]] for i in place.per]
    along = place.along if isinstance(place.along, tuple) else (place.along,)
    repeats = [i for i in range(k) if i not in along and i not in place.per]
    others = [where[a] for a in axes if a not in beside]
    count = prod(piece.shape[i] for i in others)
    piece = piece.transpose(*per, *along, *repeats, *others)
    return piece, prod(place.sizes[i] for i in along), count
