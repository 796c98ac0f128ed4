"""1 / (1 + exp(-x))."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.ops.exp import zero_below
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Sigmoid(Composite):
    """1 / (1 + exp(-x))."""

    name = "sigmoid"
    converse = "smooth"
    weighs = True
    bounded = True
    aten = ("sigmoid.default",)
    opaque = True

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """0 at minus infinity."""
        return zero_below(build, "sigmoid", args[0])

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        return build.reciprocal(build.add(build.apply("exp", build.scale(xs[0], -1)), 1))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\sigma({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("sigmoid.default", (Sample.Tensor((2, 3)),))
