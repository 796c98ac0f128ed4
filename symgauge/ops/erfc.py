"""1 - erf x."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Erfc(Rewrite):
    """1 - erf x."""

    name = "erfc"
    aten = ("erfc.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """1 - erf x."""
        return build.add(build.scale(build.apply("erf", args[0]), -1), 1)

    def samples(self) -> Iterator[Sample]:
        yield Sample("erfc.default", (Sample.Tensor((2, 3)),))
