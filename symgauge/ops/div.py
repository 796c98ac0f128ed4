"""x / y."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.ops.reciprocal import quotient
from symgauge.ops.rounding import rounded
from symgauge.program.constant import Constant
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Div(Rewrite):
    """x / y."""

    name = "div"
    aten = ("div.Tensor", "div.Scalar", "div.Tensor_mode", "div.Scalar_mode")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """x / y."""
        a, b = args[:2]
        mode = kwargs.get("rounding_mode")
        if mode is not None:
            found = _of_position(build, a, b)
            if found is not None:
                return found
        value = quotient(build, build.number(a), build.number(b))
        return value if mode is None else rounded(build, value, mode)

    def samples(self) -> Iterator[Sample]:
        yield Sample("div.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,), 0.5, 2.0)))
        yield Sample("div.Tensor", (Sample.Tensor((2, 3)), 4.0))
        for mode in ("floor", "trunc"):
            yield Sample("div.Tensor_mode", (Sample.Tensor((2, 3), -3.0, 3.0), Sample.Tensor((3,))),
                         {"rounding_mode": mode})
        yield Sample("div.Scalar_mode", (Sample.Tensor((2, 3), -3.0, 3.0), -0.75),
                     {"rounding_mode": "floor"})


def _of_position(build: Writer, a: Value, b: Value | float) -> Value | None:
    """The whole quotient of a place that a branch decided, as a place; None for anything else."""
    node = build.node(a)
    leaf = build.node(build.number(b)).leaf
    divisor = leaf.table[0] if isinstance(leaf, Constant) and len(leaf.table) == 1 else 0
    if node.op is None or node.op.name != "position" or divisor <= 0:
        return None
    table = tuple(int(t // divisor) for t in node.attrs["table"])
    return build.apply("position", build.value(node.inputs[0]), table=table)
