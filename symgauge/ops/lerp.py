"""start + weight (end - start)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Lerp(Rewrite):
    """start + weight (end - start); torch's branch at weight 1/2 is rounding."""

    name = "lerp"
    aten = ("lerp.Tensor", "lerp.Scalar")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """A product for a weight that is a tensor, a multiple for a number."""
        start, end, weight = args[:3]
        gap = build.add(end, build.scale(start, -1))
        return build.add(start, build.mul(gap, weight) if overload == "lerp.Tensor"
                         else build.scale(gap, build.fraction(weight)))

    def samples(self) -> Iterator[Sample]:
        start, end = Sample.Tensor((2, 3)), Sample.Tensor((2, 3))
        for weight in (Sample.Tensor((2, 3), 0.0, 0.4), Sample.Tensor((3,), 0.6, 1.5)):
            yield Sample("lerp.Tensor", (start, end, weight))
        yield Sample("lerp.Scalar", (start, end, 0.75))
