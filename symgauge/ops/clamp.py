"""min(max(x, low), high)."""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Clamp(Rewrite):
    """min(max(x, low), high)."""

    name = "clamp"
    aten = (
        "clamp.default",
        "clamp.Tensor",
        "clamp_min.default",
        "clamp_max.default",
        "hardtanh.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Either bound may be missing."""
        x, low, high = (*args, None, None)[:3]
        low, high = kwargs.get("min", low), kwargs.get("max", high)
        if overload.startswith("clamp_max"):
            low, high = None, low
        if overload.startswith("hardtanh"):
            low = kwargs.get("min_val", -1 if low is None else low)
            high = kwargs.get("max_val", 1 if high is None else high)
        # an infinite bound bounds nothing, as the largest step of Mamba 2 does not
        low, high = None if low == -inf else low, None if high == inf else high
        if low is not None:
            x = build.entrywise("maximum", x, low)
        if high is not None:
            up = build.scale(build.number(high), -1)
            x = build.scale(build.entrywise("maximum", build.scale(x, -1), up), -1)
        return x

    def samples(self) -> Iterator[Sample]:
        yield Sample("clamp.default", (Sample.Tensor((2, 3)), -0.75, 0.5))
        yield Sample("clamp.default", (Sample.Tensor((2, 3)), None, 0.5))
        yield Sample("clamp.default", (Sample.Tensor((2, 3)),), {"min": 0.1})
        yield Sample("clamp.default", (Sample.Tensor((2, 3)), 0.1, inf))
        yield Sample("clamp.default", (Sample.Tensor((2, 3)), -inf, 0.5))
        yield Sample("clamp.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
        yield Sample("clamp_min.default", (Sample.Tensor((2, 3)), 0.1))
        yield Sample("clamp_max.default", (Sample.Tensor((2, 3)), 0.1))
        yield Sample("hardtanh.default", (Sample.Tensor((2, 3)),))
        yield Sample("hardtanh.default", (Sample.Tensor((2, 3)), 0.0, 0.75))
