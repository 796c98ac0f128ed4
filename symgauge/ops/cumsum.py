"""Running sums along an axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Cumsum(Rewrite):
    """Running sums along an axis: a product with the triangular matrix of ones."""

    name = "cumsum"
    aten = ("cumsum.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """sum over j <= i of x[j]."""
        x = args[0]
        axis = (args[1] if len(args) > 1 else kwargs["dim"]) % max(len(x.shape), 1)
        return along(build, x, axis, build.floats(np.tri(x.shape[axis]).T))

    def samples(self) -> Iterator[Sample]:
        yield Sample("cumsum.default", (Sample.Tensor((2, 3)), -1))
        yield Sample("cumsum.default", (Sample.Tensor((2, 3, 2)), 1))


def along(build: Writer, x: Value, axis: int, table: Value) -> Value:
    """sum_j x_j table[j, k] along one axis."""
    last = len(x.shape) - 1
    order = (*(a for a in range(last + 1) if a != axis), axis)
    moved = build.permute(x, order)
    flat = build.reshape(moved, (int(np.prod(moved.shape[:-1], dtype=int)), moved.shape[-1]))
    value = build.apply("matmul", flat, table)
    value = build.reshape(value, (*moved.shape[:-1], table.shape[1]))
    return build.permute(value, (*range(axis), last, *range(axis, last)))
