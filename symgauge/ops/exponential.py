"""c**x for a positive number c: exp(x log c)."""

from __future__ import annotations

from collections.abc import Iterator
from math import log
from typing import Any

from symgauge.errors import CaptureError
from symgauge.program.constant import exact_value
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Exponential(Rewrite):
    """c**x for a positive number c: exp(x log c)."""

    name = "exponential"
    aten = ("exp2.default", "pow.Scalar")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """log c is the dyadic value of the nearest float."""
        base, x = (2, args[0]) if overload.startswith("exp2") else args
        if not base > 0:
            raise CaptureError(f"pow: the base {base} is not positive")
        return build.apply("exp", build.scale(x, exact_value(log(base))))

    def samples(self) -> Iterator[Sample]:
        yield Sample("exp2.default", (Sample.Tensor((2, 3)),))
        yield Sample("pow.Scalar", (3.0, Sample.Tensor((2, 3))))
