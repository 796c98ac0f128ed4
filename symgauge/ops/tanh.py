"""tanh x = 1 - 2 / (1 + exp(2 x)): odd."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Tanh(Composite):
    """tanh x = 1 - 2 / (1 + exp(2 x)): odd."""

    name = "tanh"
    converse = "smooth"
    bounded = True
    aten = ("tanh.default",)
    opaque = True

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        fall = build.reciprocal(build.add(build.apply("exp", build.scale(xs[0], 2)), 1))
        return build.add(build.scale(fall, -2), 1)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\tanh({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("tanh.default", (Sample.Tensor((2, 3)),))
