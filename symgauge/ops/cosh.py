"""(exp(x) + exp(-x)) / 2."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Cosh(Rewrite):
    """(exp(x) + exp(-x)) / 2."""

    name = "cosh"
    aten = ("cosh.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """(exp(x) + exp(-x)) / 2."""
        up = build.apply("exp", args[0])
        return build.scale(build.add(up, build.reciprocal(up)), Fraction(1, 2))

    def samples(self) -> Iterator[Sample]:
        yield Sample("cosh.default", (Sample.Tensor((2, 3)),))
