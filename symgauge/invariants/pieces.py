"""Blocks of tensors with the families that act on each of their axes, and what is made of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np

from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, Place
from symgauge.invariants.laurent import Laurent


@dataclass(frozen=True)
class Acting:
    """How one family acts along an axis: 1 by g, -1 by g^-T, or the weight of a scaling.

    `copy` and `index` say, for each position, which entry of the element; -1: none.
    """

    weight: Fraction
    copy: tuple[int, ...]
    index: tuple[int, ...]

    def at(self, positions: Sequence[int]) -> Acting:
        """On these positions alone."""
        return replace(
            self, copy=tuple(self.copy[k] for k in positions),
            index=tuple(self.index[k] for k in positions))


#: By the number of the family.
Axis = dict[int, Acting]
#: A number of a scaling: family, copy, index.
Entry = tuple[int, int, int]


@dataclass(frozen=True)
class Piece:
    """An array of functions of the parameters, its axes, and how people write it."""

    name: str
    values: np.ndarray = field(compare=False)
    axes: tuple[Axis, ...]
    #: The weights by which all of it is scaled, by family, copy and index.
    weights: Mapping[Entry, Fraction] = field(default_factory=dict)

    def take(self, axis: int, positions: Sequence[int]) -> Piece:
        """Some positions of an axis."""
        axes = list(self.axes)
        axes[axis] = {f: a.at(positions) for f, a in axes[axis].items()}
        values = np.take(self.values, list(positions), axis=axis)
        return replace(self, values=values, axes=tuple(axes))

    def scaled_apart(self, axis: int, families: Collection[int]) -> Piece:
        """An axis of one position: how these families scale it joins the weights of the piece."""
        axes, weights = list(self.axes), dict(self.weights)
        left = {}
        for f, a in axes[axis].items():
            if f not in families:
                left[f] = a
            elif a.copy[0] >= 0:
                entry = f, a.copy[0], a.index[0]
                weights[entry] = weights.get(entry, Fraction(0)) + a.weight
        axes[axis] = left
        return replace(self, axes=tuple(axes), weights=weights)

    def where(self, family: int) -> list[int]:
        """The axes on which a family acts."""
        return [k for k, axis in enumerate(self.axes)
                if family in axis and max(axis[family].copy) >= 0]


def table(place: Place, length: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """For each position of the place's axis: the copy and the index of the element; -1: none."""
    copy, index = [-1] * length, [-1] * length
    assert isinstance(place.along, int)
    per = [k for k in place.per if isinstance(k, int)]
    sizes: tuple[int, ...] = place.sizes
    for flat, where in enumerate(np.ndindex(*sizes)):
        at = place.start + flat
        if place.periods:
            k, n, *begin = place.periods
            inner = int(np.ravel_multi_index(where[k:], sizes[k:])) if sizes[k:] else 0
            outer = int(np.ravel_multi_index(where[:k], sizes[:k])) if k else 0
            at = sum(begin) + outer * n + place.start + inner
        copy[at] = int(np.ravel_multi_index([where[k] for k in per], [sizes[k] for k in per])
                       ) if per else 0
        index[at] = where[place.along]
    return tuple(copy), tuple(index)


def raw_pieces(coordinates: Coordinates, families: Sequence[Family]) -> dict[str, Piece]:
    """The parameters as pieces, with the linear moves of all families; gains u + w as they scale.

    Raises ValueError where copies are numbered by another axis, or gains differ.
    """
    one = {}
    for name, shape in coordinates.shapes.items():
        values = np.array([Laurent.coordinate(int(k)) for k in coordinates.whole(name).ravel()],
                          dtype=object).reshape(shape)
        one[name] = Piece(name, values, tuple({} for _ in shape))
    # the coordinates are u + w already, or become it here
    said = dict(coordinates.network.added)
    offsets: dict[str, Fraction] = {}
    for number, family in enumerate(families):
        for move in family.moves:
            if move.form not in ("g", "g^-T", "s^k"):
                continue
            u = coordinates.offset(move)
            if offsets.setdefault(move.parameter, u) != u:
                raise ValueError("a tensor is scaled about two numbers")
            said[move.parameter] = move.offset
            one[move.parameter] = _acted(one[move.parameter], number, move)
    for name, u in offsets.items():
        if u:
            lifted = np.vectorize(lambda x, u=u: x + Laurent.number(u), otypes=[object])
            one[name] = replace(one[name], values=lifted(one[name].values))
    return one | {name: replace(one[name], name=f"({name} + {u})") for name, u in said.items() if u}


def _acted(piece: Piece, number: int, move: Move) -> Piece:
    axes = [dict(axis) for axis in piece.axes]
    if not axes:
        piece = replace(piece, values=piece.values.reshape(1))
        axes = [{}]
    if move.at is None:
        length = piece.values.shape[0]
        axes[0][number] = Acting(move.weight, (0,) * length, (0,) * length)
        return replace(piece, axes=tuple(axes))
    if move.at.other_axes:
        raise ValueError("copies are numbered by another axis")
    axis = move.at.axis
    weight = move.weight if move.form == "s^k" else Fraction(1 if move.form == "g" else -1)
    copy, index = table(move.at, piece.values.shape[axis])
    if number in axes[axis]:
        before = axes[axis][number]
        if before.weight != weight or any(
                a >= 0 and b >= 0 for a, b in zip(before.copy, copy, strict=True)):
            raise ValueError("a family moves an axis twice")
        copy = tuple(max(a, b) for a, b in zip(before.copy, copy, strict=True))
        index = tuple(max(a, b) for a, b in zip(before.index, index, strict=True))
    axes[axis][number] = Acting(weight, copy, index)
    return replace(piece, axes=tuple(axes))
