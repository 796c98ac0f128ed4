"""x where x > 0, else slope x: positively homogeneous of degree 1."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from symgauge.program.notation import function
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class LeakyRelu(Composite):
    """x where x > 0, else slope x: positively homogeneous of degree 1."""

    name = "leaky_relu"
    converse = "kinked"
    law = "homogeneous"
    aten = ("leaky_relu.default",)
    rational_attrs = ("slope",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The slope is an attribute."""
        slope = args[1] if len(args) > 1 else kwargs.get("negative_slope", 0.01)
        if slope == 1:
            return args[0]  # no kink
        return build.apply("leaky_relu", args[0], slope=build.fraction(slope))

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        slope = attrs["slope"]
        gate = build.add(build.scale(build.apply("step", xs[0]), 1 - slope), slope)
        return build.mul(gate, xs[0])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return function(r"leaky\_relu", inputs[0], {
            r"\mathrm{slope}": (attrs["slope"], Fraction(1, 100))})

    def samples(self) -> Iterator[Sample]:
        yield Sample("leaky_relu.default", (Sample.Tensor((2, 3)),))
        yield Sample("leaky_relu.default", (Sample.Tensor((2, 3)), 0.25))
