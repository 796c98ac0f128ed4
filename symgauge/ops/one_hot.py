"""The indicator of a locally constant integer."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

from symgauge.program.array import Array, Shape
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.op import Primitive
from symgauge.program.writer import Value, Writer


class OneHot(Primitive):
    """e[..., j] = 1 where j is the integer x, else 0, j < count. Locally constant."""

    name = "one_hot"
    law = "locally constant"
    branches = True
    picks = True
    closed = True

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        if not attrs["count"] > 0:
            raise ValueError(f"one_hot: {attrs['count']} places")
        return (*shape, attrs["count"])

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.one_hot(xs[0], attrs["count"])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        return domain.zeros(y.shape)

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (None,)

    def symbols(self, domain: Domain, y: Array, *xs: Array, **attrs: Any) -> Array:
        """Rows sum to 1: the indicator of an integer that is a symbol of its own."""
        return domain.one_hot(y[..., 0], attrs["count"])

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return [*inputs[0], legs.fresh(attrs["count"])]

    def unit_axis(self, rank: int, **attrs: Any) -> int | None:
        return rank - 1

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return f"e_{{{inputs[0]}}}"


def one_hot(build: Writer, index: Value, count: int) -> Value:
    """The indicator of an integer that a branch decided; its selection itself where it is known."""
    node = build.node(index)
    if isinstance(node.leaf, Constant):
        return build.floats(node.leaf.floats()[..., None] == np.arange(count))
    if node.op is not None:
        inner = [build.value(i) for i in node.inputs]
        if node.op.name == "position":
            table = np.array(node.attrs["table"])
            if np.array_equal(table, np.arange(count)):
                return inner[0]
            rows = build.floats(table[:, None] == np.arange(count))
            flat = build.reshape(inner[0], (prod(index.shape), len(table)))
            return build.reshape(build.apply("matmul", flat, rows), (*index.shape, count))
        if node.op.name in ("reshape", "expand"):
            return build.apply(
                node.op.name, one_hot(build, inner[0], count), size=(*node.attrs["size"], count)
            )
        if node.op.name == "permute":
            last = len(index.shape)
            return build.permute(one_hot(build, inner[0], count), (*node.attrs["dims"], last))
        if node.op.name == "slice":
            return build.apply("slice", one_hot(build, inner[0], count), **node.attrs)
    return build.apply("one_hot", index, count=count)
