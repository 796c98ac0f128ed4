"""Norms of vectors along axes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from symgauge.errors import CaptureError
from symgauge.ops.amax import largest
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class VectorNorm(Rewrite):
    """(sum |x|^p)^(1/p) over axes, for p = 1, 2 or infinity."""

    name = "vector_norm"
    aten = ("linalg_vector_norm.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """No axes means all."""
        x, order, dims, keep = (*args, *(2, None, False)[len(args) - 1:])[:4]
        keep = bool(kwargs.get("keepdim", keep))
        if order == 2:
            square = build.apply("power", x, exponent=2)
            return build.apply("sqrt", build.sum(square, dims, keep))
        if order == 1:
            return build.sum(build.apply("abs", x), dims, keep)
        if abs(order) == math.inf:
            return largest(build, build.apply("abs", x), dims, keep, 1 if order > 0 else -1)
        raise CaptureError(f"the norm of order {order} has no rule; 1, 2 and infinity have one")

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((2, 3))
        for order in (2, 1, math.inf):
            yield Sample("linalg_vector_norm.default", (x, order, [-1]))
        yield Sample("linalg_vector_norm.default", (x,))
