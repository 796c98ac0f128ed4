"""x (1 + erf(x / sqrt 2)) / 2, or its tanh form."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import pi, sqrt
from typing import Any

from symgauge.program.array import Shape
from symgauge.program.constant import exact_value
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Gelu(Composite):
    """x (1 + erf(x / sqrt 2)) / 2, or its tanh form."""

    name = "gelu"
    converse = "smooth"
    aten = ("gelu.default",)
    opaque = True

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The form is an attribute."""
        return build.apply("gelu", args[0], approximate=str(kwargs.get("approximate", "none")))

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        if attrs["approximate"] not in ("none", "tanh"):
            raise ValueError(f"gelu: approximate {attrs['approximate']}")
        return super().shape(*shapes, **attrs)

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        x = xs[0]
        if attrs["approximate"] == "tanh":
            cubic = build.scale(build.apply("power", x, exponent=3), exact_value(0.044715))
            inner = build.scale(build.add(x, cubic), exact_value(sqrt(2 / pi)))
            gate = build.apply("tanh", inner)
        else:
            gate = build.apply("erf", build.scale(x, exact_value(sqrt(0.5))))
        return build.scale(build.mul(x, build.add(gate, 1)), Fraction(1, 2))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        below = r"_{\tanh}" if attrs.get("approximate") == "tanh" else ""
        return rf"\operatorname{{gelu}}{below}({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("gelu.default", (Sample.Tensor((2, 3)),))
        yield Sample("gelu.default", (Sample.Tensor((2, 3)),), {"approximate": "tanh"})
