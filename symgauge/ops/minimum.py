"""min(x, y) = -max(-x, -y)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Minimum(Rewrite):
    """min(x, y) = -max(-x, -y)."""

    name = "minimum"
    aten = ("minimum.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """min(x, y) = -max(-x, -y)."""
        x, y = (build.scale(build.number(a), -1) for a in args)
        return build.scale(build.entrywise("maximum", x, y), -1)

    def samples(self) -> Iterator[Sample]:
        yield Sample("minimum.default", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
