"""The largest entry over axes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from symgauge.network.builder import Builder, Value
from symgauge.network.legs import Axis, Legs
from symgauge.network.op import Composite, Sample, Shape


#: What a masked entry is replaced by where a maximum is taken: below any other entry.
MASKED = -(1 << 40)


class Amax(Composite):
    """The largest entry over the last axis, w x with the one-hot row w of its place."""

    name = "amax"
    law = "maximum of an axis"
    aten = ("amax.default", "amin.default", "max.default", "min.default")

    def capture(self, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Over the axes given, or all; a minimum is minus the maximum of -x."""
        x, dims, keep = (*args, None, False)[:3] if len(args) < 3 else args[:3]
        dims, keep = kwargs.get("dim", dims), kwargs.get("keepdim", keep)
        return largest(build, x, dims, bool(keep), 1 if "max" in overload else -1)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        if not shape or not shape[-1]:
            raise ValueError(f"amax: no entry in {shape}")
        return shape[:-1]

    def expand(self, build: Builder, *xs: Value, **attrs: Any) -> Value:
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


def last_axis(build: Builder, x: Value, dims: tuple[int, ...]) -> Value:
    """The axes merged into one, the last; minus infinity filled in."""
    rest = tuple(a for a in range(len(x.shape)) if a not in dims)
    kept = None if x.kept is None else build.value(x.kept)
    if x.minus_infinity is not None:
        kept = build.floats(~x.minus_infinity)
    if kept is not None:
        below = build.scale(build.add(build.scale(kept, -1), 1), MASKED)
        x = build.add(build.mul(Value(x.index, x.shape), kept), below)
    moved = build.permute(x, (*rest, *dims))
    lead = moved.shape[:len(rest)]
    return build.reshape(moved, (*lead, prod(moved.shape[len(rest):])))


def largest(build: Builder, x: Value, dims: Any, keep: bool, sign: int) -> Value:
    """The largest entry over axes (sign 1), or the smallest (sign -1)."""
    rank = len(x.shape)
    if not rank:
        return x
    listed = [dims] if isinstance(dims, int) else list(range(rank) if not dims else dims)
    axes = tuple(sorted({d % rank for d in listed}))
    turned = build.scale(last_axis(build, x, axes), sign)
    value = build.scale(build.apply("amax", turned), sign)
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    return build.reshape(value, kept) if keep else value
