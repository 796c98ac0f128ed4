"""|x| = (2 H(x) - 1) x."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Abs(Composite):
    """|x| = (2 H(x) - 1) x: positively homogeneous of degree 1."""

    name = "abs"
    law = "homogeneous"
    aten = ("abs.default",)

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        sign = build.add(build.scale(build.apply("step", xs[0]), 2), -1)
        return build.mul(sign, xs[0])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return f"|{inputs[0]}|"

    def samples(self) -> Iterator[Sample]:
        yield Sample("abs.default", (Sample.Tensor((2, 3)),))
