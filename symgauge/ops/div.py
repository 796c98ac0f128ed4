"""x / y."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.errors import CaptureError
from symgauge.network.builder import Builder, Value
from symgauge.network.op import Rewrite, Sample
from symgauge.network.program import Constant


class Div(Rewrite):
    """x / y."""

    name = "div"
    aten = ("div.Tensor", "div.Scalar")

    def capture(self, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Any:
        """x / y."""
        a, b = args[:2]
        if kwargs.get("rounding_mode") is not None:
            raise CaptureError("div: a rounded quotient is not differentiable")
        leaf = build.node(b).leaf if isinstance(b, Value) else build.node(build.number(b)).leaf
        if isinstance(leaf, Constant) and len(leaf.table) == 1 and leaf.table[0]:
            shape = build.common_shape(build.number(a), build.number(b))
            return build.scale(build.broadcast(build.number(a), shape), 1 / leaf.table[0])
        return build.mul(build.number(a), build.reciprocal(build.number(b)))

    def samples(self) -> Iterator[Sample]:
        yield Sample("div.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,), 0.5, 2.0)))
        yield Sample("div.Tensor", (Sample.Tensor((2, 3)), 4.0))
