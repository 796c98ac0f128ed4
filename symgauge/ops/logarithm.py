"""log x over log c, for the bases 2 and 10."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import Any

from symgauge.program.constant import exact_value
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Logarithm(Rewrite):
    """log x over log c, for the bases 2 and 10."""

    name = "logarithm"
    aten = ("log2.default", "log10.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """1 / log c is the dyadic value of the nearest float."""
        base = 2 if overload.startswith("log2") else 10
        return build.scale(build.apply("log", args[0]), exact_value(1 / log(base)))

    def samples(self) -> Iterator[Sample]:
        for overload in self.aten:
            yield Sample(overload, (Sample.Tensor((2, 3), 0.5, 2.0),))
