"""max(x, 0) = H(x) x: positively homogeneous of degree 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Relu(Composite):
    """max(x, 0) = H(x) x: positively homogeneous of degree 1."""

    name = "relu"
    converse = "kinked"
    law = "homogeneous"
    aten = ("relu.default",)

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        return build.mul(build.apply("step", xs[0]), xs[0])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\operatorname{{relu}}({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("relu.default", (Sample.Tensor((2, 3)),))
