"""log(1 + x)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Log1p(Rewrite):
    """log(1 + x)."""

    name = "log1p"
    aten = ("log1p.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """log(1 + x)."""
        return build.apply("log", build.add(args[0], 1))

    def samples(self) -> Iterator[Sample]:
        yield Sample("log1p.default", (Sample.Tensor((2, 3), -0.4, 2.0),))
