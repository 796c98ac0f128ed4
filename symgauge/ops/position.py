"""The integer that a one-hot row marks."""

from __future__ import annotations

from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from symgauge.program.array import Shape
from symgauge.program.constant import Constant
from symgauge.program.legs import Axis, Legs
from symgauge.program.op import Composite
from symgauge.program.writer import Value, Writer


class Position(Composite):
    """sum_j table[j] e[..., j] for one-hot rows e: an integer that a branch decided."""

    name = "position"
    law = "locally constant"

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        if len(attrs["table"]) != shape[-1]:
            raise ValueError(f"position: {len(attrs['table'])} integers for {shape}")
        return shape[:-1]

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        n = len(attrs["table"])
        column = build.leaf(Constant(
            tuple(Fraction(t) for t in attrs["table"]), np.arange(n).reshape(n, 1)
        ))
        rows = build.reshape(xs[0], (prod(xs[0].shape[:-1]), n))
        return build.reshape(build.apply("matmul", rows, column), xs[0].shape[:-1])

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return list(inputs[0][:-1])


def position(build: Writer, rows: Value) -> Value:
    """The place of the 1 in each one-hot row."""
    return build.apply("position", rows, table=tuple(range(rows.shape[-1])))
