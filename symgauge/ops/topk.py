"""The k largest entries along an axis, in order, with their places."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from symgauge.errors import CaptureError
from symgauge.ops.amax import below, last_axis, require_finite
from symgauge.ops.position import position
from symgauge.ops.take import beneath
from symgauge.program.constant import Constant
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Topk(Rewrite):
    """The k largest (or smallest) entries along an axis, in order, with their places.

    topk, sort, argsort, max and min over one axis, argmax, median: all by one ranking.
    """

    name = "topk"
    aten = (
        "topk.default", "sort.default", "sort.stable", "max.dim", "min.dim",
        "argmax.default", "argmin.default", "median.dim", "kthvalue.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
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
        row = last_axis(build, x, (axis,))
        if sign < 0:
            require_finite(row, "the smallest entries")
        if row.minus_infinity is not None and (~row.minus_infinity).sum(-1).min() < count:
            raise CaptureError(f"{kind}: the {count} largest of fewer that are not minus infinity")
        ordered = build.scale(below(build, row), sign)
        places = build.apply("ranking", ordered, count=count)
        if kind in ("max", "min"):
            # as amax: a maximum that a normaliser forgets is known in one form
            found = build.reshape(build.apply("amax", ordered), (*row.shape[:-1], 1))
        else:
            found = _picked(build, places, ordered)
        results = [build.scale(found, sign), position(build, places)]
        if row.kept is not None and surely_kept(build, row.kept, n) < count:
            results.append(_picked(build, places, build.value(row.kept)))
        back = (*range(axis), rank - 1, *range(axis, rank - 1))
        for i, value in enumerate(results):
            if kind not in ("topk", "sort"):
                value = build.slice(value, rank - 1, at, at + 1)
                value = value if keep else build.reshape(value, value.shape[:-1])
            results[i] = build.permute(value, back) if len(value.shape) == rank else value
        value, place, *kept = results
        if kept:
            value = Value(value.index, value.shape, kept=kept[0].index)
        return place if kind.startswith("arg") else (value, place)

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((2, 3, 4))
        yield Sample("topk.default", (x, 2))
        yield Sample("topk.default", (x, 1, 0, False))
        yield Sample("sort.default", (x, 1))
        yield Sample("sort.stable", (x,), {"stable": True, "dim": -1, "descending": True})
        yield Sample("max.dim", (x, 1, True))
        yield Sample("min.dim", (x, 0))
        yield Sample("median.dim", (x, -1))


def _picked(build: Writer, places: Value, row: Value) -> Value:
    """The entries of a row in their order."""
    found = build.apply("matmul", places, build.reshape(row, (*row.shape, 1)))
    return build.reshape(found, found.shape[:-1])


def surely_kept(build: Writer, kept: int, count: int) -> int:
    """How many of `count` entries are kept in any case: all but the places of one-hot rows.

    Where the line is 1 - their sum; 0 where it is made otherwise.
    """
    parts = [build.value(i) for i in build.node(build.value(kept)).inputs]
    scaled = [n for n in map(build.node, parts) if n.op is not None and n.op.name == "scale"]
    leaves = [beneath(build, p).leaf for p in parts]
    one = any(isinstance(x, Constant) and set(x.table) == {1} for x in leaves)
    if len(parts) != 2 or not scaled or not one or scaled[0].attrs["factor"] != -1:
        return 0
    total = build.node(build.value(scaled[0].inputs[0]))
    if total.op is None or total.op.name != "sum":
        return 0
    rows = build.value(total.inputs[0])
    return count - rows.shape[-2] if getattr(build.node(rows).op, "picks", False) else 0


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
