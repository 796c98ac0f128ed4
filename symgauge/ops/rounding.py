"""Rounding to integers: up, towards 0, to the nearest; quotients and remainders."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from symgauge.errors import CaptureError
from symgauge.ops.reciprocal import quotient
from symgauge.program.constant import Constant
from symgauge.program.leaf import Input
from symgauge.program.op import Primitive, Rewrite, Structural
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Rounding(Rewrite):
    """ceil, trunc, round, frac, remainder and fmod, by floors."""

    name = "rounding"
    aten = (
        "ceil.default", "trunc.default", "round.default", "frac.default",
        "remainder.Tensor", "remainder.Scalar", "fmod.Tensor", "fmod.Scalar",
        "floor_divide.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """x - y floor(x/y) has the sign of y, x - y trunc(x/y) that of x."""
        kind, x = overload.split(".")[0], build.number(args[0])
        if kind in ("remainder", "fmod", "floor_divide"):
            y = build.number(args[1])
            whole = rounded(build, quotient(build, x, y), "trunc" if kind == "fmod" else "floor")
            return whole if kind == "floor_divide" else build.add(
                x, build.scale(build.mul(whole, y), -1))
        if kind == "frac":
            return build.add(x, build.scale(rounded(build, x, "trunc"), -1))
        return rounded(build, x, kind)

    def samples(self) -> Iterator[Sample]:
        x, y = Sample.Tensor((2, 3), -3.0, 3.0), Sample.Tensor((3,), 0.5, 2.0)
        for kind in ("ceil", "trunc", "round", "frac"):
            yield Sample(f"{kind}.default", (x,))
        for kind in ("remainder", "fmod"):
            yield Sample(f"{kind}.Tensor", (x, y))
            yield Sample(f"{kind}.Scalar", (x, -0.75))
        yield Sample("floor_divide.default", (x, y))


def rounded(build: Writer, x: Value, mode: str) -> Value:
    """x by "floor", "ceil", "trunc" (towards 0) or "round" (halves to the even neighbour)."""
    if is_integer(build, x):
        return x
    if mode == "floor":
        return build.apply("floor", x)
    up = build.scale(build.apply("floor", build.scale(x, -1)), -1)
    if mode == "ceil":
        return up
    if mode == "trunc":
        down, rise = build.apply("floor", x), build.apply("step", x)
        fall = build.apply("step", build.scale(x, -1))
        return build.add(build.mul(rise, down), build.mul(fall, up))
    if mode != "round":
        raise CaptureError(f"rounding {mode!r} has no rule")
    shifted = build.add(x, Fraction(1, 2))
    near = build.apply("floor", shifted)
    above = build.apply("step", build.add(shifted, build.scale(near, -1)))
    half = build.apply("floor", build.scale(near, Fraction(1, 2)))
    odd = build.add(near, build.scale(half, -2))
    # halves on a whole cell: an odd neighbour above is left for the even one below
    return build.add(near, build.scale(build.mul(build.add(build.scale(above, -1), 1), odd), -1))


def nonzero(build: Writer, x: Value) -> Value:
    """1 where x is not 0, else 0: what a cast to Booleans gives."""
    fall = build.apply("step", build.scale(x, -1))
    return build.add(build.apply("step", x), fall)


#: Ops that take integers to integers.
_WHOLE = ("add", "mul", "sum", "matmul", "power", "position", "amax", "maximum", "relu", "abs")


def is_integer(build: Writer, x: Value) -> bool:
    """Whether a value is seen to be an integer: of constants and branches, by sums and products."""
    stack, seen = [x.index], set()
    while stack:
        i = stack.pop()
        if i in seen:
            continue
        seen.add(i)
        node = build.node(build.value(i))
        tokens = isinstance(node.leaf, Input) and node.leaf.classes
        if tokens or isinstance(node.op, Primitive) and node.op.branches:
            continue
        if isinstance(node.leaf, Constant):
            if node.leaf.unknown or any(v.denominator != 1 for v in node.leaf.table):
                return False
        elif node.op is None or not (
            node.op.name in _WHOLE or isinstance(node.op, Structural)
            or node.op.name == "scale" and node.attrs["factor"].denominator == 1
        ):
            return False
        stack.extend(node.inputs)
    return True
