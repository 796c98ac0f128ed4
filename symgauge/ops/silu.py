"""x / (1 + exp(-x))."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Silu(Composite):
    """x / (1 + exp(-x))."""

    name = "silu"
    converse = "smooth"
    aten = ("silu.default",)
    opaque = True

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        return build.mul(xs[0], build.apply("sigmoid", xs[0]))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\operatorname{{silu}}({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("silu.default", (Sample.Tensor((2, 3)),))
