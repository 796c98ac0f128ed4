"""Windows of one axis, as a new last axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.ops.take import take
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Unfold(Rewrite):
    """Windows of one axis, as a new last axis."""

    name = "unfold"
    aten = ("unfold.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Axis, size of a window, step between windows."""
        x, axis, size, step = args
        axis %= len(x.shape)
        count = (x.shape[axis] - size) // step + 1
        seen = take(build, x, axis, step * np.arange(count)[:, None] + np.arange(size))
        rank = len(seen.shape)
        order = (*(a for a in range(rank) if a != axis + 1), axis + 1)
        return build.permute(seen, order)

    def samples(self) -> Iterator[Sample]:
        yield Sample("unfold.default", (Sample.Tensor((2, 5, 2)), 1, 3, 2))
