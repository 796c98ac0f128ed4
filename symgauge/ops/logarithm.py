"""log x over log c, for the bases 2 and 10."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.network.builder import Builder
from symgauge.network.op import Rewrite, Sample


class Logarithm(Rewrite):
    """log x over log c, for the bases 2 and 10."""

    name = "logarithm"
    aten = ("log2.default", "log10.default")

    def capture(self, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Any:
        """log x over log c, for the bases 2 and 10."""
        base = 2 if overload.startswith("log2") else 10
        value = build.apply("log", args[0])
        unit = build.reciprocal(build.apply("log", build.full(base, ())))
        return build.mul(value, unit)

    def samples(self) -> Iterator[Sample]:
        for overload in self.aten:
            yield Sample(overload, (Sample.Tensor((2, 3), 0.5, 2.0),))
