"""The largest entry over axes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.program.array import Shape
from symgauge.program.legs import Axis, Legs
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Amax(Composite):
    """The largest entry over the last axis, w x with the one-hot row w of its place."""

    name = "amax"
    law = "maximum of an axis"
    aten = ("amax.default", "amin.default", "max.default", "min.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Over the axes given, or all; a minimum is minus the maximum of -x."""
        x, dims, keep = (*args, None, False)[:3] if len(args) < 3 else args[:3]
        dims, keep = kwargs.get("dim", dims), kwargs.get("keepdim", keep)
        return largest(build, x, dims, bool(keep), 1 if "max" in overload else -1)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        if not shape or not shape[-1]:
            raise ValueError(f"amax: no entry in {shape}")
        return shape[:-1]

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        x = xs[0]
        place = build.reshape(build.apply("ranking", x, count=1), x.shape)
        return build.sum(build.mul(place, x), len(x.shape) - 1)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return list(inputs[0][:-1])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\max({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((2, 3, 4))
        yield Sample("amax.default", (x, [-1]))
        yield Sample("amax.default", (x, [0, 2], True))
        yield Sample("amin.default", (x, [1], True))
        yield Sample("max.default", (x,))
        yield Sample("min.default", (x,))

    def non_symmetries(self) -> Iterator[str]:
        yield "a shift of a single entry"


def last_axis(build: Writer, x: Value, dims: tuple[int, ...]) -> Value:
    """The axes merged into one, the last; the marks of minus infinity move along."""
    rest = tuple(a for a in range(len(x.shape)) if a not in dims)

    def merged(v: Value) -> Value:
        moved = build.permute(v, (*rest, *dims))
        lead = moved.shape[:len(rest)]
        return build.reshape(moved, (*lead, prod(moved.shape[len(rest):])))

    value = merged(Value(x.index, x.shape, x.minus_infinity))
    return value if x.kept is None else Value(
        value.index, value.shape, kept=merged(build.value(x.kept)).index)


def largest(build: Writer, x: Value, dims: Any, keep: bool, sign: int) -> Value:
    """The largest entry over axes (sign 1), or the smallest (sign -1).

    Entries at minus infinity are replaced by another of their row: the largest is the same.
    """
    rank = len(x.shape)
    if not rank:
        return x
    listed = [dims] if isinstance(dims, int) else list(range(rank) if not dims else dims)
    axes = tuple(sorted({d % rank for d in listed}))
    row = last_axis(build, x, axes)
    if sign < 0:
        require_finite(row, "a smallest entry")
    value = build.scale(build.apply("amax", build.scale(finite(build, row), sign)), sign)
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    shape = kept if keep else value.shape
    if row.kept is not None:
        some = build.reshape(build.apply("amax", build.value(row.kept)), shape)
        return Value(build.reshape(value, shape).index, shape, kept=some.index)
    if row.minus_infinity is not None:
        dead = np.asarray(row.minus_infinity.all(axis=-1))
        value = Value(value.index, value.shape, dead if dead.any() else None)
    return build.reshape(value, shape)


def finite(build: Writer, row: Value) -> Value:
    """Each entry at minus infinity replaced by one that is not larger than the largest.

    By another entry of its row where a constant mask says which; by the smallest of the row where
    a branch does.
    """
    plain = Value(row.index, row.shape)
    last = len(row.shape) - 1
    if row.kept is not None:
        return _filled(build, plain, build.value(row.kept), smallest(build, plain))
    if row.minus_infinity is None:
        return plain
    keep = ~np.broadcast_to(row.minus_infinity, row.shape)
    first = keep.argmax(axis=-1)[..., None] == np.arange(row.shape[-1])
    one = build.sum(build.mul(plain, build.floats(first)), last, True)
    return _filled(build, plain, build.floats(keep), one)


def smallest(build: Writer, row: Value) -> Value:
    """The smallest entry of the last axis, which is kept."""
    value = build.scale(build.apply("amax", build.scale(row, -1)), -1)
    return build.reshape(value, (*value.shape, 1))


def _filled(build: Writer, row: Value, keep: Value, fill: Value) -> Value:
    """The row where it is kept, elsewhere the fill of the row."""
    rest = build.add(build.scale(keep, -1), 1)
    return build.add(build.mul(row, keep), build.mul(fill, rest))


def below(build: Writer, row: Value) -> Value:
    """Each entry at minus infinity replaced by a number below all others of its row."""
    plain = Value(row.index, row.shape)
    if row.kept is not None:
        keep = build.value(row.kept)
    elif row.minus_infinity is not None:
        keep = build.floats(~row.minus_infinity)
    else:
        return plain
    return _filled(build, plain, keep, build.add(smallest(build, plain), -1))


def require_finite(x: Value, what: str) -> None:
    """Raise CaptureError where an entry may be minus infinity."""
    if x.minus_infinity is not None or x.kept is not None:
        raise CaptureError(f"{what} of numbers that may be minus infinity")
