"""Entries at start + sum of i stride of contiguous memory."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from symgauge.ops.take import take
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class AsStrided(Rewrite):
    """y[i, j, ...] = x[start + i s + j t + ...] of x in row-major order."""

    name = "as_strided"
    aten = ("as_strided.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """The reader sees to it that x is contiguous."""
        x, size, strides = args[:3]
        start = int(args[3] or 0) if len(args) > 3 else int(kwargs.get("storage_offset") or 0)
        places = np.full(tuple(size), start)
        for axis, (n, stride) in enumerate(zip(size, strides, strict=True)):
            places += (np.arange(n) * stride).reshape(-1, *(1,) * (len(size) - axis - 1))
        flat = take(build, build.reshape(x, (prod(x.shape),)), 0, places.reshape(-1))
        return build.reshape(flat, tuple(size))

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((3, 4))
        yield Sample("as_strided.default", (x, [2, 3], [4, 1], 4))
        yield Sample("as_strided.default", (x, [3, 2], [1, 3]))
        yield Sample("as_strided.default", (x, [1, 12, 1], [12, 1, 1]))
