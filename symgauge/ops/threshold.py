"""x where x > threshold, else a number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Threshold(Rewrite):
    """x where x > threshold, else a number."""

    name = "threshold"
    aten = ("threshold.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """x where x > threshold, else a number."""
        x, threshold, value = args
        on = build.apply("step", build.add(x, -build.fraction(threshold)))
        off = build.add(build.scale(on, -1), 1)
        return build.add(build.mul(on, x), build.scale(off, build.fraction(value)))

    def samples(self) -> Iterator[Sample]:
        yield Sample("threshold.default", (Sample.Tensor((2, 3)), 0.25, 0.5))
