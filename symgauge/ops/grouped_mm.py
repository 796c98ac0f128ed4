"""Rows in consecutive groups, each group times a matrix of its own."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.ops.one_hot import one_hot
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class GroupedMm(Rewrite):
    """y_i = x_i w_g for the group g of row i; `offsets` are the ends of the groups."""

    name = "grouped_mm"
    aten = ("_grouped_mm.default", "grouped_mm_fallback.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """The one-hot row of the group picks the matrix of each row."""
        x, w, offsets = args[:3]
        if len(x.shape) != 2 or len(w.shape) != 3:
            raise CaptureError(f"grouped_mm of shapes {x.shape} and {w.shape} has no rule")
        groups, rows = w.shape[0], x.shape[0]
        # the group of a row is the number of groups that end at or before it
        at = build.floats(np.arange(rows)[:, None] + 0.5)
        ended = build.apply("step", build.add(at, build.scale(offsets, -1)))
        group = one_hot(build, build.sum(ended, 1), groups)
        own = build.apply("matmul", group, build.reshape(w, (groups, prod(w.shape[1:]))))
        own = build.reshape(own, (rows, *w.shape[1:]))
        value = build.apply("matmul", build.reshape(x, (rows, 1, x.shape[1])), own)
        value = build.reshape(value, (rows, w.shape[2]))
        bias = kwargs.get("bias", args[3] if len(args) > 3 else None)
        if bias is not None:
            value = build.add(value, build.apply("matmul", group, bias))
        return value

    def samples(self) -> Iterator[Sample]:
        yield from ()
