"""The k largest entries along an axis, in order, with their places."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from symgauge.network.builder import Builder
from symgauge.network.op import Rewrite, Sample
from symgauge.ops.amax import last_axis
from symgauge.ops.position import position


class Topk(Rewrite):
    """The k largest (or smallest) entries along an axis, in order, with their places.

    topk, sort, argsort, max and min over one axis, argmax, median: all by one ranking.
    """

    name = "topk"
    aten = (
        "topk.default", "sort.default", "sort.stable", "max.dim", "min.dim",
        "argmax.default", "argmin.default", "median.dim", "kthvalue.default",
    )

    def capture(self, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Any:
        """By the kind of the op: values, places, or both."""
        kind, x, rank = overload.split(".")[0], args[0], len(args[0].shape)
        given = dict(zip(_NAMES.get(overload, _NAMES.get(kind, ())), args[1:]), **kwargs)
        axis = given.get("dim", None if kind.startswith("arg") else -1)
        keep = bool(given.get("keepdim", False))
        if axis is None:
            x, axis, keep = build.reshape(x, (prod(x.shape),)), 0, False
            rank = 1
        axis %= max(rank, 1)
        n = x.shape[axis]
        falling = {"topk": given.get("largest", True), "sort": given.get("descending", False),
                   "max": True, "argmax": True}.get(kind, False)
        at = {"median": (n - 1) // 2, "kthvalue": int(given.get("k", 1)) - 1}.get(kind, 0)
        count = {"topk": int(given.get("k", 1)), "sort": n}.get(kind, at + 1)
        sign = 1 if falling else -1
        row = build.scale(last_axis(build, x, (axis,)), sign)
        places = build.apply("ranking", row, count=count)
        column = build.reshape(row, (*row.shape, 1))
        found = build.scale(build.apply("matmul", places, column), sign)
        both = [build.reshape(found, found.shape[:-1]), position(build, places)]
        back = (*range(axis), rank - 1, *range(axis, rank - 1))
        for i, value in enumerate(both):
            if kind not in ("topk", "sort"):
                value = build.slice(value, rank - 1, at, at + 1)
                value = value if keep else build.reshape(value, value.shape[:-1])
            if len(value.shape) == rank:
                value = build.permute(value, back)
            both[i] = value
        return both[1] if kind.startswith("arg") else tuple(both)

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((2, 3, 4))
        yield Sample("topk.default", (x, 2))
        yield Sample("topk.default", (x, 1, 0, False))
        yield Sample("sort.default", (x, 1))
        yield Sample("sort.stable", (x,), {"stable": True, "dim": -1, "descending": True})
        yield Sample("max.dim", (x, 1, True))
        yield Sample("min.dim", (x, 0))
        yield Sample("median.dim", (x, -1))


_NAMES = {
    "topk": ("k", "dim", "largest", "sorted"),
    "sort.default": ("dim", "descending"),
    "sort.stable": ("stable", "dim", "descending"),
    "kthvalue": ("k", "dim", "keepdim"),
    "max": ("dim", "keepdim"),
    "min": ("dim", "keepdim"),
    "argmax": ("dim", "keepdim"),
    "argmin": ("dim", "keepdim"),
    "median": ("dim", "keepdim"),
}
