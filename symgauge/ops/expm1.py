"""exp(x) - 1."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.network.op import Rewrite
from symgauge.network.sample import Sample
from symgauge.network.writer import Writer


class Expm1(Rewrite):
    """exp(x) - 1."""

    name = "expm1"
    aten = ("expm1.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """exp(x) - 1."""
        return build.add(build.apply("exp", args[0]), -1)

    def samples(self) -> Iterator[Sample]:
        yield Sample("expm1.default", (Sample.Tensor((2, 3)),))
