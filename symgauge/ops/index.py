"""x[i, j, ...] with tensors of places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.ops.take import take, whole, wrapped
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Index(Rewrite):
    """x[i, j, ...]: the indexed axes are merged and one place taken for each entry."""

    name = "index"
    aten = ("index.Tensor", "_unsafe_index.Tensor")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Axes without an index stay; places decided by a branch index one axis at a time."""
        x, given = args[0], list(args[1])
        axes = [a for a, i in enumerate(given) if i is not None]
        chosen = [wrapped(build, whole(build, given[a]), x.shape[a]) for a in axes]
        if len(axes) == 1:
            return take(build, x, axes[0], chosen[0])
        moved, index = merged(build, x, axes, chosen)
        value = take(build, moved, 0, index)
        if axes != list(range(axes[0], axes[-1] + 1)):
            return value
        # adjacent indices: the new axes stand where the old ones stood
        new, rank = index.ndim, len(value.shape)
        before = tuple(range(new, new + axes[0]))
        return build.permute(value, (*before, *range(new), *range(new + axes[0], rank)))

    def samples(self) -> Iterator[Sample]:
        i, j = Sample.Indices((0, 1)), Sample.Indices((2, 0))
        yield Sample("index.Tensor", (Sample.Tensor((3, 4)), [i]))
        yield Sample("index.Tensor", (Sample.Tensor((3, 4)), [None, Sample.Indices(((0, 3),))]))
        yield Sample("index.Tensor", (Sample.Tensor((3, 4, 2)), [i, j]))
        yield Sample("index.Tensor", (Sample.Tensor((2, 3, 4)), [None, i, j]))
        yield Sample("index.Tensor", (Sample.Tensor((2, 3, 4)), [i, None, j]))


def merged(
    build: Writer, x: Value, axes: Sequence[int], chosen: Sequence[Any]
) -> tuple[Value, Any]:
    """The indexed axes in front as one, and the places on it."""
    if any(isinstance(i, Value) for i in chosen):
        raise CaptureError("index: places decided by a branch on several axes at once")
    sizes = tuple(x.shape[a] for a in axes)
    rest = tuple(a for a in range(len(x.shape)) if a not in axes)
    moved = build.permute(x, (*axes, *rest))
    moved = build.reshape(moved, (prod(sizes), *(x.shape[a] for a in rest)))
    wrapped = np.broadcast_arrays(*(i % n for i, n in zip(chosen, sizes, strict=True)))
    return moved, np.ravel_multi_index(tuple(wrapped), sizes)
