"""Euclidean distances between the rows of two tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.errors import CaptureError
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Cdist(Rewrite):
    """|x_i - y_j| for the rows of two tensors."""

    name = "cdist"
    aten = ("_cdist_forward.default", "_euclidean_dist.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """The order is 2."""
        x, y = args[:2]
        if len(args) > 2 and args[2] != 2:
            raise CaptureError(f"distances of order {args[2]} have no rule; 2 has one")
        left = build.reshape(x, (*x.shape[:-1], 1, x.shape[-1]))
        right = build.reshape(y, (*y.shape[:-2], 1, *y.shape[-2:]))
        gap = build.add(left, build.scale(right, -1))
        total = build.sum(build.apply("power", gap, exponent=2), len(gap.shape) - 1)
        return build.apply("sqrt", total)

    def samples(self) -> Iterator[Sample]:
        x, y = Sample.Tensor((2, 3)), Sample.Tensor((4, 3))
        yield Sample("_cdist_forward.default", (x, y, 2.0, None))
