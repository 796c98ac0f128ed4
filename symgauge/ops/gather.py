"""out[i, j] = x[i, index[i, j]] along an axis."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from symgauge.ops.one_hot import one_hot
from symgauge.ops.take import take, whole
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Gather(Rewrite):
    """out[i, j] = x[i, index[i, j]] along an axis."""

    name = "gather"
    aten = ("gather.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Places that are the same along the other axes are taken from the one axis."""
        x, axis, given = args[:3]
        axis %= max(len(x.shape), 1)
        index = whole(build, given)
        for a, n in enumerate(index.shape):
            if a != axis:
                x = build.slice(x, a, 0, n)
        if isinstance(index, Value):
            return _decided(build, x, axis, index)
        first = np.moveaxis(index, axis, -1).reshape(-1, index.shape[axis])
        if len(first) and (first == first[0]).all():
            return take(build, x, axis, first[0])
        places = np.indices(index.shape)
        places[axis] = index
        flat = np.asarray(np.ravel_multi_index(tuple(places), x.shape))
        return take(build, build.reshape(x, (prod(x.shape),)), 0, flat)

    def samples(self) -> Iterator[Sample]:
        index = Sample.Indices(((0, 1), (2, 0)))
        yield Sample("gather.default", (Sample.Tensor((2, 3)), 1, index))
        yield Sample("gather.default", (Sample.Tensor((3, 2)), 0, index))
        same = Sample.Indices(((0, 2), (0, 2)))
        yield Sample("gather.default", (Sample.Tensor((3, 3)), -1, same))


def _decided(build: Writer, x: Value, axis: int, index: Value) -> Value:
    last = len(x.shape) - 1
    order = (*(a for a in range(last + 1) if a != axis), axis)
    rows = one_hot(build, build.permute(index, order), x.shape[axis])
    column = build.permute(x, order)
    column = build.reshape(column, (*column.shape, 1))
    found = build.apply("matmul", rows, column)
    found = build.reshape(found, found.shape[:-1])
    return build.permute(found, (*range(axis), last, *range(axis, last)))
