"""Plain data, key by key: families in records and generated checks, sizes of a factory.

`families.serial` reads and writes families. The emitter copies this text into every generated
check: it imports the standard library alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NotRequired, TypedDict

Scalar = bool | int | float | str | None
#: What a factory is called with, by the names of its arguments.
Sizes = Mapping[str, Scalar | Sequence[Scalar]]


class PlainElement(TypedDict):
    """What acts: a matrix, positive scale or shift of this size, one for each copy (head)."""

    kind: str
    copies: list[int]
    size: int
    #: In a generated check: the parts that an element and a generator are drawn from, by name.
    parts: NotRequired[list[str]]
    algebra_parts: NotRequired[list[str]]


class PlainPlace(TypedDict):
    """A slice of an axis, split into sizes: along which factor the element acts, copies per which.

    Several factors `along`, joined row-major, are those of a planted failure.
    """

    axis: int
    start: int
    sizes: list[int]
    along: int | list[int]
    #: Factors of the range, and other axes as [axis, size].
    per: list[int | list[int]]
    #: Of a range of every period of the axis: [period, ...].
    periods: NotRequired[list[int]]


class PlainMove(TypedDict):
    """How one parameter moves; weight and offset are fractions. No place: all entries."""

    parameter: str
    form: str
    at: NotRequired[PlainPlace | None]
    weight: NotRequired[str]
    #: Of "s^k" alone.
    offset: NotRequired[str]
    #: Of "+Tc": the parameter that is contracted; `at` is a place in it. Of "+c/T": the divisor.
    source: NotRequired[str]
    #: What is added is times the sum of the entries of this parameter, over those of another.
    sum_of: NotRequired[str]
    sum_over: NotRequired[str]
    #: [axis, start, stop]: the part of the parameter, and of the source, that all else is said of.
    part: NotRequired[list[int]]
    source_part: NotRequired[list[int]]


class PlainSlice(TypedDict):
    """A family that brings `parameter` to 1 (a scaling) or to 0 (a shift)."""

    parameter: str
    element: PlainElement
    action: list[PlainMove]


class PlainChange(TypedDict):
    """Another coordinate of a vector of parameters: w' = n w, w + n or w + n T, entry by entry."""

    parameter: str
    form: Literal["s^k", "+c", "+T*c"]
    #: Fractions.
    numbers: list[str]
    #: T.
    source: NotRequired[str]


#: `class` is no name in Python.
_Class = TypedDict("_Class", {"class": NotRequired[str]})


class PlainFamily(_Class):
    """An element, how it moves each tensor, and through which slices, outermost first.

    Beside it what a reader is told; `class` is what families of layers alike have in common.
    """

    element: PlainElement
    action: list[PlainMove]
    via: NotRequired[list[PlainSlice]]
    #: The coordinates in which it acts, of a family in a certificate's list.
    changes: NotRequired[list[PlainChange]]
    label: NotRequired[str]
    group: NotRequired[str]
    formula: NotRequired[list[str]]
    #: The same family at the full sizes, where it has a form there.
    full: NotRequired[PlainFamily | None]
    #: Of a family of a layer that small sizes lack.
    at: NotRequired[Literal["full"]]
    #: Of a wrong symmetry whose finite action alone is wrong.
    same_generator: NotRequired[bool]


class PlainPlanted(TypedDict):
    """A wrong symmetry that a check plants: what is wrong with which family."""

    family: int
    label: NotRequired[str]
    kind: str
