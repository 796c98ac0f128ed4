"""exp(x) - 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Expm1(Rewrite):
    """exp(x) - 1."""

    name = "expm1"
    aten = ("expm1.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """exp(x) - 1."""
        return build.add(build.apply("exp", args[0]), -1)

    def samples(self) -> Iterator[Sample]:
        yield Sample("expm1.default", (Sample.Tensor((2, 3)),))
