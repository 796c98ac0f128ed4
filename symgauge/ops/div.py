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
    aten = ("div.Tensor", "div.Scalar", "div.Tensor_mode", "div.Scalar_mode")

    def capture(self, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Any:
        """x / y."""
        a, b = args[:2]
        if kwargs.get("rounding_mode") is not None:
            return _rounded(build, a, b, kwargs["rounding_mode"])
        leaf = build.node(build.number(b)).leaf
        if isinstance(leaf, Constant) and len(leaf.table) == 1 and leaf.table[0]:
            shape = build.common_shape(build.number(a), build.number(b))
            return build.scale(build.broadcast(build.number(a), shape), 1 / leaf.table[0])
        return build.mul(build.number(a), build.reciprocal(build.number(b)))

    def samples(self) -> Iterator[Sample]:
        yield Sample("div.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,), 0.5, 2.0)))
        yield Sample("div.Tensor", (Sample.Tensor((2, 3)), 4.0))


def _rounded(build: Builder, a: Value, b: Value | float, mode: str) -> Value:
    """The quotient of an integer that a branch decided."""
    node = build.node(a)
    leaf = build.node(build.number(b)).leaf
    divisor = leaf.table[0] if isinstance(leaf, Constant) and len(leaf.table) == 1 else 0
    if node.op is not None and node.op.name == "position" and divisor > 0:
        table = tuple(int(t // divisor) for t in node.attrs["table"])
        return build.apply("position", build.value(node.inputs[0]), table=table)
    raise CaptureError(f"div: a quotient rounded by {mode!r} has no rule but for positions")
