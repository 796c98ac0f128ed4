"""x x**(-1/2)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Sqrt(Composite):
    """x x**(-1/2)."""

    name = "sqrt"
    law = "homogeneous"
    degree = Fraction(1, 2)
    aten = ("sqrt.default",)

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        return build.mul(xs[0], build.apply("rsqrt", xs[0]))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\sqrt{{{inputs[0]}}}"

    def samples(self) -> Iterator[Sample]:
        yield Sample("sqrt.default", (Sample.Tensor((2, 3), 0.5, 2.0),))
