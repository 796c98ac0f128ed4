"""Entries repeated along the last axes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.ops.take import take
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class UpsampleNearest(Rewrite):
    """The entry at floor(i n / m) for each i < m, along every spatial axis."""

    name = "upsample_nearest"
    aten = tuple(f"upsample_nearest{d}d.{form}" for d in (1, 2, 3) for form in ("default", "vec"))

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """By sizes or by factors."""
        x, sizes, *rest = args
        d = int(overload.split(".")[0][-2])
        first = len(x.shape) - d
        factors = (rest[0] or () if rest else ()) if overload.endswith(".vec") else rest
        for a in range(d):
            n = x.shape[first + a]
            m = int(n * factors[a]) if sizes is None and factors else sizes[a]
            # torch's own places, in its single precision
            step = np.float32(1 / factors[a] if factors and factors[a] else n / m)
            places = np.floor(np.arange(m, dtype=np.float32) * step).astype(np.int64)
            x = take(build, x, first + a, np.minimum(places, n - 1))
        return x

    def samples(self) -> Iterator[Sample]:
        yield Sample("upsample_nearest2d.vec", (Sample.Tensor((1, 1, 2, 3)), None, [2.0, 2.0]))
        yield Sample("upsample_nearest1d.vec", (Sample.Tensor((1, 2, 3)), [5], None))
        yield Sample("upsample_nearest2d.vec", (Sample.Tensor((1, 1, 2, 3)), [3, 5], None))
        yield Sample("upsample_nearest1d.vec", (Sample.Tensor((1, 2, 5)), None, [1.3]))
        yield Sample("upsample_nearest1d.default", (Sample.Tensor((1, 2, 5)), [6], 1.3))
