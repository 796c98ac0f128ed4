"""A range, or one index, of an axis written over."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.ops.take import take
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class SliceScatter(Rewrite):
    """x with a range of one axis replaced by a source."""

    name = "slice_scatter"
    aten = ("slice_scatter.default", "select_scatter.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """The pieces end to end; with a step, entries picked from both."""
        x, source = args[:2]
        if overload.startswith("select"):
            axis, start, step = args[2] % len(x.shape), args[3] % x.shape[args[2]], 1
            stop = start + 1
            source = build.reshape(source, (*x.shape[:axis], 1, *x.shape[axis + 1:]))
        else:
            names = ("dim", "start", "end", "step")
            given = dict(zip(names, args[2:]), **kwargs)
            axis = given.get("dim", 0) % len(x.shape)
            bounds = slice(given.get("start"), given.get("end"), given.get("step", 1))
            start, stop, step = bounds.indices(x.shape[axis])
        n = x.shape[axis]
        places = np.arange(start, stop, step)
        if step == 1:
            parts = [build.slice(x, axis, 0, start), source, build.slice(x, axis, stop, n)]
            parts = [p for p in parts if p.shape[axis]]
            return parts[0] if len(parts) == 1 else build.apply("concatenate", *parts, axis=axis)
        origin = np.arange(n)
        origin[places] = n + np.arange(len(places))
        return take(build, build.apply("concatenate", x, source, axis=axis), axis, origin)

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((3, 4))
        yield Sample("slice_scatter.default", (x, Sample.Tensor((3, 2)), 1, 1, 3))
        yield Sample("slice_scatter.default", (x, Sample.Tensor((3, 2)), 1, 0, 4, 2))
        yield Sample("select_scatter.default", (x, Sample.Tensor((3,)), 1, 2))
