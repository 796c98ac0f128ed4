"""x**y = exp(y log x) for positive x."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Pow(Rewrite):
    """x**y = exp(y log x) for positive x."""

    name = "pow"
    aten = ("pow.Tensor_Tensor",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """x**y = exp(y log x) for positive x."""
        return build.apply("exp", build.mul(args[1], build.apply("log", args[0])))

    def samples(self) -> Iterator[Sample]:
        positive = Sample.Tensor((2, 3), 0.5, 2.0)
        yield Sample("pow.Tensor_Tensor", (positive, Sample.Tensor((3,))))
