"""The mean over axes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import prod
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Mean(Rewrite):
    """The mean over axes."""

    name = "mean"
    aten = ("mean.dim", "mean.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The mean over axes."""
        x, dims, keep = (*args, None, False)[:3] if len(args) < 3 else args[:3]
        total = build.sum(x, dims, bool(kwargs.get("keepdim", keep)))
        return build.scale(total, Fraction(prod(total.shape), prod(x.shape)))

    def samples(self) -> Iterator[Sample]:
        yield Sample("mean.dim", (Sample.Tensor((2, 3, 4)), [-1], True))
        yield Sample("mean.default", (Sample.Tensor((2, 3)),))
