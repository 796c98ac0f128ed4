"""x minus the logarithm of the sum of exp(x) along an axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.array import Shape
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class LogSoftmax(Composite):
    """x - log sum exp(x) along `axis`: a shift along the axis leaves it unchanged."""

    name = "log_softmax"
    law = "normaliser"
    aten = ("_log_softmax.default", "log_softmax.int")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """The axis is an attribute."""
        return build.apply("log_softmax", args[0], axis=args[1] % len(args[0].shape))

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        if not 0 <= attrs["axis"] < len(shape):
            raise ValueError(f"log_softmax: shape {shape} along {attrs['axis']}")
        return shape

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        total = build.sum(build.apply("exp", xs[0]), attrs["axis"], True)
        return build.add(xs[0], build.scale(build.broadcast(build.apply("log", total),
                                                            xs[0].shape), -1))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\log\operatorname{{softmax}}({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("_log_softmax.default", (Sample.Tensor((2, 3)), -1, False))
