"""Families of generators on named tensors: an element of a group, and how each tensor moves.

An element is a matrix g, a positive vector s, or a vector c, one for each copy (head). A move
says what it does to one parameter along one leg. The vector fields follow from the moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from symgauge.exact.rational import rational
from symgauge.lie.fields import VectorField
from symgauge.program.legs import Location
from symgauge.program.network import Network

#: so1: orthogonal matrices that fix the vector of ones. complex: a + b J on the plane, J the
#: quarter turn (what commutes with a rotation by a generic angle). centred: 1 + u 1^T, which fixes
#: every vector of sum 0.
Kind = Literal["gl", "so", "so1", "complex", "centred", "diagonal", "translation", "other"]

#: A matrix as its non-zero entries.
Sparse = tuple[tuple[int, int, Fraction], ...]
#: "s^k" is w -> s^k (w + u) - u, with the move's offset u: it scales the gain w + u.
#: "g^-1" stands in planted failures alone: g^-T with its transpose dropped.
#: "+T*c" adds c times another tensor, entry by entry (in families without a finite action).
Form = Literal["g", "g^-T", "g^-1", "s^k", "+c", "+Tc", "+T*c"]


@dataclass(frozen=True)
class Place:
    """A location together with the factors that number the copies."""

    axis: int
    start: int
    sizes: tuple[int, ...]
    #: The factor along which the element acts; several, joined row-major, in planted failures.
    along: int | tuple[int, ...]
    per: tuple[int, ...] = ()

    @staticmethod
    def from_plain(data: Mapping[str, Any]) -> Place:
        """The place that `plain` wrote."""
        along = data["along"]
        return Place(
            data["axis"], data["start"], tuple(data["sizes"]),
            tuple(along) if isinstance(along, list) else along, tuple(data["per"]),
        )

    @staticmethod
    def of(location: Location, copies: Sequence[int]) -> Place:
        """The place of a leg's location; `copies` are legs among its factors."""
        per = tuple(location.factors.index(leg) for leg in copies)
        return Place(location.axis, location.start, location.sizes, location.along, per)

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "axis": self.axis, "start": self.start, "sizes": list(self.sizes),
            "along": self.along, "per": list(self.per),
        }


@dataclass(frozen=True)
class Move:
    """How one parameter moves."""

    parameter: str
    form: Form
    at: Place | None
    weight: Fraction = Fraction(1)
    source: str | None = None
    #: Of "s^k" alone.
    offset: Fraction = Fraction(0)

    def plain(self) -> dict[str, Any]:
        """Plain data, the keys of the statement of a family."""
        out: dict[str, Any] = {"parameter": self.parameter, "form": self.form}
        if self.form in ("s^k", "+c", "+Tc"):
            out["weight"] = str(self.weight)
        if self.offset:
            out["offset"] = str(self.offset)
        if self.source is not None:
            out["source"] = self.source
        out["at"] = None if self.at is None else self.at.plain()
        return out


@dataclass(frozen=True)
class Through:
    """A slice: the family (diagonal or translation) that brings `parameter` to 1 or to 0."""

    parameter: str
    kind: Kind
    copies: tuple[int, ...]
    size: int
    moves: tuple[Move, ...]


def held_values(slices: Iterable[Through]) -> dict[str, Fraction]:
    """What slices hold their parameters at: 1 for a scaling, 0 for a shift."""
    return {t.parameter: Fraction(t.kind == "diagonal") for t in slices}


@dataclass(frozen=True)
class Family:
    """An element and its moves. `fields` are the generators, one per basis element."""

    kind: Kind
    copies: tuple[int, ...]
    size: int
    moves: tuple[Move, ...]
    fields: tuple[VectorField, ...]
    #: Slices through which the moves act: on the slice, conjugated back (outermost first).
    via: tuple[Through, ...] = ()
    #: Whether intertwiners prove it for every size of the legs.
    all_sizes: bool = False

    @property
    def tensors(self) -> tuple[str, ...]:
        """Parameters that move, in order."""
        return tuple(dict.fromkeys(m.parameter for m in self.moves))

    @property
    def dimension(self) -> int:
        """Number of generators; where no field was made, from the element's sizes alone."""
        if self.kind == "other":
            return len(self.fields)
        n = self.size
        each = {
            "gl": n * n, "so": n * (n - 1) // 2, "so1": (n - 1) * (n - 2) // 2, "complex": 2,
        }.get(self.kind, n)
        return prod(self.copies) * each


MATRIX_KINDS = ("gl", "so", "so1", "complex", "centred")


def family_of(
    entry: Mapping[str, Any], fields: tuple[VectorField, ...] = (), wrong: bool = False
) -> Family:
    """The family in plain data, as `plain_family` writes it; `wrong`: of a planted failure.

    Raises KeyError, TypeError or ValueError where it is none.
    """
    element = entry["element"]
    numbers = [element["size"], *element["copies"]]
    if element["kind"] not in get_args(Kind) or not all(
            type(n) is int and n > 0 for n in numbers):
        raise ValueError(f"the element {element!r:.80}")
    via = tuple(
        Through(t["parameter"], f.kind, f.copies, f.size, f.moves)
        for t in entry.get("via", ()) for f in [family_of({**t, "via": ()}, (), wrong)]
    )
    moves = tuple(_move(m, wrong) for m in entry["action"])
    return Family(
        element["kind"], tuple(element["copies"]), element["size"], moves, fields, via)


def joined(moves: Sequence[Move]) -> tuple[Move, ...]:
    """A scaling and a shift of a tensor at one place, k t w + m t, as one scaling of w + m/k.

    The moves of a diagonal family: one after the other the two would be another action.
    """
    shifts = {(m.parameter, m.at): m.weight for m in moves if m.form == "+c"}
    scaled = {(m.parameter, m.at) for m in moves if m.form == "s^k"}
    out = []
    for m in moves:
        here = m.parameter, m.at
        if m.form == "s^k" and here in shifts:
            out.append(replace(m, offset=m.offset + shifts[here] / m.weight))
        elif m.form != "+c" or here not in scaled:
            out.append(m)
    return tuple(out)


def _move(m: Mapping[str, Any], wrong: bool) -> Move:
    offset = rational(m.get("offset", "0"))
    if m["form"] not in get_args(Form) or offset and m["form"] != "s^k" or (
            "source" in m) != (m["form"] in ("+Tc", "+T*c")):
        raise ValueError(f"the move {m!r:.120}")
    return Move(
        m["parameter"], m["form"], _place(m.get("at"), wrong), rational(m.get("weight", "1")),
        m.get("source"), offset,
    )


def _place(at: Mapping[str, Any] | None, joined: bool) -> Place | None:
    # numpy would understand more, such as an axis -1: others that read the file need not
    if at is None:
        return None
    along = at["along"] if joined and isinstance(at["along"], list) else [at["along"]]
    numbers = [at["axis"], at["start"], *along, *at["sizes"], *at["per"]]
    if len(at) != 5 or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError(f"the place {at!r:.120}")
    return Place.from_plain(at)


def basis_matrices(kind: Kind, n: int) -> list[Sparse]:
    """A basis of the Lie algebra of a kind of matrices of size n; empty where there is none."""
    one = Fraction(1)
    if kind == "gl":
        return [((i, j, one),) for i in range(n) for j in range(n)]
    if kind == "so":
        return [((i, j, one), (j, i, -one)) for i in range(n) for j in range(i + 1, n)]
    if kind == "complex":
        if n != 2:
            return []
        return [((0, 0, one), (1, 1, one)), ((0, 1, -one), (1, 0, one))]
    if kind == "centred":
        return [tuple((i, j, one) for j in range(n)) for i in range(n)]
    # u v^T - v u^T with u = e_i - e_last, v = e_j - e_last
    last = n - 1
    return [
        (
            (i, j, one), (j, i, -one), (i, last, -one), (last, i, one),
            (last, j, -one), (j, last, one),
        )
        for i in range(last) for j in range(i + 1, last)
    ]


def touched(network: Network, f: VectorField) -> tuple[Move, ...]:
    """The parameters that a field moves, as moves without an action."""
    names = [
        p.name for p in network.parameters
        if any(network.offsets[p.name] <= k < network.offsets[p.name] + p.size for k in f.support)
    ]
    return tuple(Move(n, "+c", None, Fraction(0)) for n in names)


class Coordinates:
    """Flat coordinates of the parameters of a network, addressed by places."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.shapes = {p.name: p.shape for p in network.parameters}
        self.total = network.num_coordinates

    def whole(self, parameter: str) -> npt.NDArray[np.int64]:
        """Coordinates of a parameter in its own shape."""
        shape = self.shapes[parameter]
        start = self.network.offsets[parameter]
        return np.arange(start, start + prod(shape), dtype=np.int64).reshape(shape)

    def at(self, parameter: str, place: Place | None) -> npt.NDArray[np.int64]:
        """Shape (copies, size, repeats, other axes flattened).

        None is the whole tensor: one copy, size 1.
        """
        index = self.whole(parameter)
        if place is None:
            return index.reshape(1, 1, 1, -1)
        index = np.moveaxis(index, place.axis, 0)
        piece = index[place.start:place.start + prod(place.sizes)]
        others = piece.shape[1:]
        piece = piece.reshape(*place.sizes, prod(others))
        k = len(place.sizes)
        along = place.along if isinstance(place.along, tuple) else (place.along,)
        repeats = [i for i in range(k) if i not in along and i not in place.per]
        piece = piece.transpose(*place.per, *along, *repeats, k)
        copies = prod(place.sizes[i] for i in place.per)
        size = prod(place.sizes[i] for i in along)
        return piece.reshape(copies, size, -1, prod(others))

    def fields(self, kind: Kind, copies: int, size: int, moves: Sequence[Move]) -> tuple[
            VectorField, ...]:
        """One field per basis element: copy by copy, E_ij row-major for matrices."""
        if kind in MATRIX_KINDS:
            return tuple(
                self._matrix_field(c, matrix, moves)
                for c in range(copies) for matrix in basis_matrices(kind, size)
            )
        return tuple(
            self._vector_field(c, i, kind, moves) for c in range(copies) for i in range(size)
        )

    def fields_of(self, family: Family) -> tuple[VectorField, ...]:
        """The fields of a family's own moves, where its slices hold."""
        return self.fields(family.kind, prod(family.copies), family.size, family.moves)

    def _matrix_field(self, c: int, matrix: Sparse, moves: Sequence[Move]) -> VectorField:
        linear: list[tuple[int, int, Fraction]] = []
        for move in moves:
            whole = self.at(move.parameter, move.at)
            index = whole[c].reshape(whole.shape[1], -1)
            for a, b, w in matrix:
                if move.form == "g^-T":
                    a, b, w = b, a, -w
                elif move.form == "g^-1":
                    w = -w
                linear += [
                    (int(k), int(m), w) for k, m in zip(index[a], index[b], strict=True)
                ]
        return VectorField.build([], linear)

    def _vector_field(self, c: int, i: int, kind: Kind, moves: Sequence[Move]) -> VectorField:
        shift: list[tuple[int, Fraction]] = []
        linear: list[tuple[int, int, Fraction]] = []
        for move in moves:
            if move.form == "+Tc":
                assert move.source is not None
                source = self.at(move.source, move.at)[c, i]
                target = self.whole(move.parameter).reshape(-1)
                linear += [
                    (int(k), int(m), move.weight)
                    for row in source for k, m in zip(target, row, strict=True)
                ]
                continue
            index = self.at(move.parameter, move.at)[c, i].reshape(-1)
            if move.form == "+T*c":
                assert move.source is not None
                source = self.at(move.source, move.at)[c, i].reshape(-1)
                linear += [
                    (int(k), int(m), move.weight) for k, m in zip(index, source, strict=True)
                ]
                continue
            if move.form == "s^k":
                linear += [(int(k), int(k), move.weight) for k in index]
                shift += [(int(k), move.weight * move.offset) for k in index]
            else:
                shift += [(int(k), move.weight) for k in index]
        return VectorField.build(shift, linear)


def plain_family(family: Family) -> Mapping[str, Any]:
    """Element, action and slices as plain data."""
    return {
        "element": {"kind": family.kind, "copies": list(family.copies), "size": family.size},
        "action": [m.plain() for m in family.moves],
        "via": [
            {
                "parameter": t.parameter,
                "element": {"kind": t.kind, "copies": list(t.copies), "size": t.size},
                "action": [m.plain() for m in t.moves],
            }
            for t in family.via
        ],
    }
