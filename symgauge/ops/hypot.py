"""Length and angle of the point (x, y)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Hypot(Rewrite):
    """r = sqrt(x^2 + y^2), and atan2(y, x) = 2 atan(y / (r + x)) off the half-line x < 0 = y."""

    name = "hypot"
    aten = ("hypot.default", "atan2.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Half the angle: neither pi nor a branch."""
        y, x = (build.number(a) for a in args)
        r = length(build, y, x)
        if overload.startswith("hypot"):
            return r
        tangent = build.mul(y, build.reciprocal(build.add(r, x)))
        return build.scale(build.apply("atan", tangent), 2)

    def samples(self) -> Iterator[Sample]:
        for overload in self.aten:
            yield Sample(overload, (Sample.Tensor((2, 3)), Sample.Tensor((3,), 0.5, 2.0)))
            yield Sample(overload, (Sample.Tensor((3,), 0.5, 2.0), Sample.Tensor((3,))))


def length(build: Writer, *parts: Value) -> Value:
    """The root of the sum of squares of numbers, entry by entry."""
    first, *rest = (build.apply("power", p, exponent=2) for p in parts)
    for square in rest:
        first = build.add(first, square)
    return build.apply("sqrt", first)
