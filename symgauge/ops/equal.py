"""x == y: minus infinity in a mask, or a branch decision."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.ops.one_hot import one_hot
from symgauge.ops.rounding import is_integer
from symgauge.program.constant import Constant
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Equal(Rewrite):
    """x == y is 1 - H(x - y) - H(y - x); equal to minus infinity just where a mask put it."""

    name = "equal"
    aten = (
        "eq.Scalar", "eq.Tensor", "ne.Scalar", "ne.Tensor", "isinf.default", "isnan.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """A number that moves is never infinite: only a mask makes it so."""
        kind, x = overload.split(".")[0], args[0]
        y = {"isinf": -math.inf, "isnan": math.nan}.get(kind, args[-1])
        if isinstance(y, float) and not math.isfinite(y):
            if y == -math.inf and x.kept is not None:
                kept = build.value(x.kept)
                return kept if kind == "ne" else build.add(build.scale(kept, -1), 1)
            mask = x.minus_infinity if y == -math.inf else None
            found = np.zeros(x.shape, dtype=bool) if mask is None else mask
            return ~found if kind == "ne" else found
        value = _equal(build, build.number(x), build.number(y))
        return build.add(build.scale(value, -1), 1) if kind == "ne" else value

    def samples(self) -> Iterator[Sample]:
        yield Sample("eq.Scalar", (Sample.Tensor((2, 3)), 0.25))
        yield Sample("ne.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))


def _equal(build: Writer, x: Value, y: Value) -> Value:
    if isinstance(build.node(x).leaf, Constant):
        x, y = y, x
    leaf = build.node(y).leaf
    if isinstance(leaf, Constant) and x.shape[-1:] == (1,) and y.shape and is_integer(build, x):
        count = y.shape[-1]
        if np.array_equal(leaf.floats(), np.broadcast_to(np.arange(count), y.shape)):
            rows = one_hot(build, build.reshape(x, x.shape[:-1]), count)
            return build.broadcast(rows, build.common_shape(x, y))
    # numbers are equal on a whole cell, or on none of it: there one of the two is larger
    gap = build.add(x, build.scale(y, -1))
    larger = build.add(build.apply("step", gap), build.apply("step", build.scale(gap, -1)))
    return build.add(build.scale(larger, -1), 1)
