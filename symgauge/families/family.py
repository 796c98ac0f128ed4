"""Families of generators on named tensors: an element of a group, and how each tensor moves.

An element is a matrix g, a positive vector s, or a vector c, one for each copy (head). A move
says what it does to one parameter along one leg. The vector fields follow from the moves.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod
from typing import Any

from symgauge.families.kind import Form, Kind
from symgauge.families.part import Part
from symgauge.lie.fields import VectorField
from symgauge.program.legs import Location
from symgauge.plain import PlainMove, PlainPlace
from symgauge.program.absorbed import Change


#: What numbers copies: a factor of the place's own range, or all of another axis, (axis, size).
Per = int | tuple[int, int]


@dataclass(frozen=True)
class Place:
    """A location together with the factors, and the other axes, that number the copies."""

    axis: int
    start: int
    sizes: tuple[int, ...]
    #: The factor along which the element acts; several, joined row-major, in planted failures.
    along: int | tuple[int, ...]
    per: tuple[Per, ...] = ()
    #: (k, n): the first k sizes number periods of n entries of the axis; `start` and the other
    #: sizes are within each. (k, n, s): the periods begin at entry s. () where the range is one.
    periods: tuple[int, ...] = ()

    @property
    def length(self) -> int:
        """Entries of the range, within a period."""
        return prod(self.sizes[self.periods[0]:] if self.periods else self.sizes)

    @property
    def extent(self) -> tuple[int, int]:
        """The first entry of the axis that it reaches, and the one after the last."""
        if not self.periods:
            return self.start, self.start + self.length
        k, n, *begin = self.periods
        first = sum(begin) + self.start
        return first, first + (prod(self.sizes[:k]) - 1) * n + self.length

    @property
    def copies(self) -> tuple[int, ...]:
        """How many copies each of `per` numbers."""
        return tuple(self.sizes[k] if isinstance(k, int) else k[1] for k in self.per)

    @property
    def other_axes(self) -> tuple[int, ...]:
        """The axes beside its own that number copies."""
        return tuple(k[0] for k in self.per if not isinstance(k, int))

    @staticmethod
    def from_plain(data: Mapping[str, Any]) -> Place:
        """The place that `plain` wrote."""
        along = data["along"]
        return Place(
            data["axis"], data["start"], tuple(data["sizes"]),
            tuple(along) if isinstance(along, list) else along,
            tuple(tuple(k) if isinstance(k, list) else k for k in data["per"]),
            tuple(data.get("periods", ())),
        )

    @staticmethod
    def of(location: Location, copies: Sequence[int]) -> Place:
        """The place of a leg's location; `copies` are legs among its factors."""
        per = tuple(location.factors.index(leg) for leg in copies)
        return Place(location.axis, location.start, location.sizes, location.along, per)

    def plain(self) -> PlainPlace:
        """Plain data."""
        along = list(self.along) if isinstance(self.along, tuple) else self.along
        out: PlainPlace = {
            "axis": self.axis, "start": self.start, "sizes": list(self.sizes),
            "along": along, "per": [k if isinstance(k, int) else list(k) for k in self.per],
        }
        if self.periods:
            out["periods"] = list(self.periods)
        return out


@dataclass(frozen=True)
class Move:
    """How one parameter moves."""

    parameter: str
    form: Form
    at: Place | None
    weight: Fraction = Fraction(1)
    source: str | None = None
    #: The u of u + w: what "s^k" scales, what "+c/T" is over, what the "+c" of a slice brings to 0.
    offset: Fraction = Fraction(0)
    #: (axis, start, stop): all that is said is said of this part of the parameter alone, or of the
    #: source; () for all of it.
    part: Part = ()
    source_part: Part = ()
    #: What is added is multiplied by the sum of the entries of this parameter, over those of the
    #: next where one is named.
    sum_of: str | None = None
    sum_over: str | None = None

    @property
    def reads(self) -> tuple[str, ...]:
        """The parameters that decide what is added."""
        return tuple(n for n in (self.source, self.sum_of, self.sum_over) if n is not None)

    def renamed(self, names: Mapping[str, str]) -> Move:
        """The same move of parameters of other names."""
        def new(name: str | None) -> str | None:
            return name and names.get(name, name)

        return replace(
            self, parameter=names.get(self.parameter, self.parameter), source=new(self.source),
            sum_of=new(self.sum_of), sum_over=new(self.sum_over))

    def plain(self) -> PlainMove:
        """Plain data, the keys of the statement of a family."""
        out: PlainMove = {"parameter": self.parameter, "form": self.form}
        if self.form in ("s^k", "+c", "+Tc", "+c/T"):
            out["weight"] = str(self.weight)
        if self.offset:
            out["offset"] = str(self.offset)
        if self.source is not None:
            out["source"] = self.source
        if self.part:
            out["part"] = list(self.part)
        if self.source_part:
            out["source_part"] = list(self.source_part)
        if self.sum_of is not None:
            out["sum_of"] = self.sum_of
        if self.sum_over is not None:
            out["sum_over"] = self.sum_over
        out["at"] = None if self.at is None else self.at.plain()
        return out


@dataclass(frozen=True)
class Through:
    """A slice: the family (of scalings or shifts) that brings `parameter` to 1 or to 0."""

    parameter: str
    kind: Kind
    copies: tuple[int, ...]
    size: int
    moves: tuple[Move, ...]


def held_values(slices: Iterable[Through]) -> dict[str, Fraction]:
    """What slices hold their parameters at: 1 for a scaling, 0 for a shift, less the u of u + w."""
    return {
        t.parameter: t.kind.is_scaling - own_move(t).offset for t in slices}


def own_move(through: Through) -> Move:
    """How a slice's family moves the slice's own parameter."""
    return next(m for m in through.moves if m.parameter == through.parameter)


def reader_of(through: Through) -> str | None:
    """The one parameter through which a slice's own is seen: what is scaled along, or sums it."""
    seen = {n for m in through.moves for n in m.reads} or {
        m.parameter for m in through.moves if m.parameter != through.parameter}
    return next(iter(seen)) if len(seen) == 1 else None


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
    #: The coordinates in which it acts: they are changed, it acts, they are changed back.
    changes: tuple[Change, ...] = ()

    @property
    def tensors(self) -> tuple[str, ...]:
        """Parameters that move, in order."""
        return tuple(dict.fromkeys(m.parameter for m in self.moves))

    @property
    def dimension(self) -> int:
        """Number of generators; where no field was made, from the element's sizes alone."""
        if not (self.kind.is_finite or self.kind.is_matrix):
            return len(self.fields)
        return prod(self.copies) * self.kind.dimension(self.size)


def joined(moves: Sequence[Move]) -> tuple[Move, ...]:
    """A scaling and a shift of a tensor at one place, k t w + m t, as one scaling of w + m/k.

    The moves of a diagonal family: one after the other the two would be another action.
    """
    shifts = {(m.parameter, m.part, m.at): m.weight for m in moves if m.form == "+c"}
    scaled = {(m.parameter, m.part, m.at) for m in moves if m.form == "s^k"}
    out = []
    for m in moves:
        here = m.parameter, m.part, m.at
        if m.form == "s^k" and here in shifts:
            out.append(replace(m, offset=m.offset + shifts[here] / m.weight))
        elif m.form != "+c" or here not in scaled:
            out.append(m)
    return tuple(out)
