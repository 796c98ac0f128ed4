"""The larger of two, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.program.array import Shape
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Maximum(Composite):
    """max(x, y) = y + H(x - y) (x - y): a common shift moves it alike."""

    name = "maximum"
    law = "maximum"
    aten = ("maximum.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Both inputs are broadcast to one shape; max(x, -inf) = x."""
        x, y = (build.number(a) for a in args)
        for least, other in ((x, y), (y, x)):
            if least.minus_infinity is not None and least.minus_infinity.all() and (
                    other.kept is None):
                shape, mask = build.common_shape(x, y), other.minus_infinity
                value = build.broadcast(Value(other.index, other.shape), shape)
                return value if mask is None else Value(
                    value.index, shape, np.broadcast_to(mask, shape))
        return build.entrywise("maximum", *args)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        x, y = shapes
        if x != y:
            raise ValueError(f"maximum: shapes {x} and {y}")
        return x

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        gap = build.add(xs[0], build.scale(xs[1], -1))
        return build.add(xs[1], build.mul(build.apply("step", gap), gap))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\max({inputs[0]}, {inputs[1]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("maximum.default", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
