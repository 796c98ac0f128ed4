"""(exp(x) - exp(-x)) / 2."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Sinh(Rewrite):
    """(exp(x) - exp(-x)) / 2."""

    name = "sinh"
    aten = ("sinh.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """(exp(x) - exp(-x)) / 2."""
        up = build.apply("exp", args[0])
        return build.scale(build.add(up, build.scale(build.reciprocal(up), -1)), Fraction(1, 2))

    def samples(self) -> Iterator[Sample]:
        yield Sample("sinh.default", (Sample.Tensor((2, 3)),))
