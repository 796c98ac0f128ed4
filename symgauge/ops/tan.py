"""sin x / cos x."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Tan(Rewrite):
    """sin x / cos x."""

    name = "tan"
    aten = ("tan.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """sin x / cos x."""
        return build.mul(build.apply("sin", args[0]), build.reciprocal(build.apply("cos", args[0])))

    def samples(self) -> Iterator[Sample]:
        yield Sample("tan.default", (Sample.Tensor((2, 3), -1.0, 1.0),))
