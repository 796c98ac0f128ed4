"""Entries written, or added, at given places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.ops.one_hot import one_hot
from symgauge.ops.take import Places, take, whole, wrapped
from symgauge.program.array import Shape
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Scatter(Rewrite):
    """x with the entries of a source written, or added, at given places of an axis."""

    name = "scatter"
    aten = (
        "scatter.src", "scatter.value", "scatter_add.default", "index_put.default",
        "index_add.default", "index_copy.default", "_unsafe_index_put.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Places decided by a branch write with their one-hot rows."""
        kind = overload.split(".")[0]
        if kind.endswith("index_put"):
            return _put(build, *args, **kwargs)
        x, axis, given, source = args[:4]
        axis %= max(len(x.shape), 1)
        index = whole(build, given)
        add = kind.endswith("_add")
        if kind.startswith("index"):
            if isinstance(index, Value):
                raise CaptureError(f"{kind}: places decided by a branch")
            others = (*x.shape[:axis], len(index), *x.shape[axis + 1:])
            spread = index.reshape(-1, *(1,) * (len(x.shape) - axis - 1))
            index = np.broadcast_to(spread, others)
            source = build.scale(source, build.fraction(kwargs.get("alpha", 1)))
        source = build.number(source)
        if len(source.shape) < len(index.shape):
            source = build.broadcast(source, index.shape)
        for a, n in enumerate(index.shape):
            source = build.slice(source, a, 0, n)
        if isinstance(index, Value):
            return _decided(build, x, axis, index, source, add)
        places = np.indices(index.shape)
        places[axis] = index
        flat = np.asarray(np.ravel_multi_index(tuple(places), x.shape))
        return _written(build, x, flat, source, add)

    def samples(self) -> Iterator[Sample]:
        x, source = Sample.Tensor((2, 4)), Sample.Tensor((2, 2))
        index = Sample.Indices(((0, 1), (2, 3)))
        again = Sample.Indices(((0, 0), (2, 3)))
        yield Sample("scatter.src", (x, 1, index, source))
        yield Sample("scatter.value", (x, 1, index, 0.5))
        yield Sample("scatter_add.default", (x, 1, again, source))
        rows = Sample.Indices((1, 0))
        yield Sample("index_put.default", (x, [rows, Sample.Indices((3, 2))], Sample.Tensor((2,))))
        yield Sample("index_put.default", (x, [rows], Sample.Tensor((4,))))
        yield Sample("index_add.default", (x, 0, Sample.Indices((1, 1)), Sample.Tensor((2, 4))))


def _written(
    build: Writer, x: Value, places: Places, source: Value, add: bool
) -> Value:
    """Writes, or adds, a source at places of x in row-major order."""
    size, count = prod(x.shape), places.size
    flat, new = build.reshape(x, (size,)), build.reshape(source, (count,))
    if add:
        spread = places.ravel()[:, None] == np.arange(size)
        summed = build.apply("matmul", build.reshape(new, (1, count)), build.floats(spread))
        return build.add(x, build.reshape(summed, x.shape))
    origin = np.arange(size)
    origin[places.ravel()] = size + np.arange(count)
    both = build.apply("concatenate", flat, new, axis=0)
    return build.reshape(take(build, both, 0, origin), x.shape)


def _decided(
    build: Writer, x: Value, axis: int, index: Value, source: Value, add: bool
) -> Value:
    """x (1 - sum of the one-hot rows) + the source spread by them."""
    last = len(x.shape) - 1
    order = (*(a for a in range(last + 1) if a != axis), axis)
    for a, n in enumerate(x.shape):
        if a != axis and index.shape[a] != n:
            raise CaptureError("scatter: places decided by a branch on a part of the other axes")
    rows = one_hot(build, build.permute(index, order), x.shape[axis])
    if not add and index.shape[axis] > 1 and not _distinct(build, rows):
        for i in range(index.shape[axis]):  # of equal places the last is written
            place, value = (build.slice(v, axis, i, i + 1) for v in (index, source))
            x = _decided(build, x, axis, place, value, add)
        return x

    def spread(value: Value) -> Value:
        moved = build.permute(value, order)
        line = build.reshape(moved, (*moved.shape[:-1], 1, moved.shape[-1]))
        found = build.apply("matmul", line, rows)
        return build.reshape(found, (*found.shape[:-2], found.shape[-1]))

    back = (*range(axis), last, *range(axis, last))
    if add:
        return build.permute(build.add(build.permute(x, order), spread(source)), back)
    taken = build.sum(rows, len(rows.shape) - 2)
    free = build.add(build.scale(taken, -1), 1)

    def stays(value: Value) -> Value:
        return build.mul(build.permute(value, order), free)

    kept = None
    if _is_marked(x) or _is_marked(source):
        sides = _kept(build, x, free, stays) + _kept(build, source, taken, spread)
        if not sides:
            return x
        kept = build.permute(build.add(*sides) if sides[1:] else sides[0], back).index
    found, new = Value(x.index, x.shape), Value(source.index, source.shape)
    if not _is_least(source):
        both = spread(new) if _is_least(x) else build.add(stays(found), spread(new))
        found = build.permute(both, back)
    return Value(found.index, found.shape, kept=kept)


def _distinct(build: Writer, rows: Value) -> bool:
    """Whether rows mark different places in any case: those of one ranking."""
    op = build.node(rows).op
    return op is not None and op.name == "ranking"


def _kept(
    build: Writer, x: Value, places: Value, at: Callable[[Value], Value]
) -> list[Value]:
    """The line that is 1 at the places where entries of x are finite; none where none is."""
    if _is_least(x):
        return []
    if x.kept is not None:
        return [at(build.value(x.kept))]
    return [places if x.minus_infinity is None else at(build.floats(~x.minus_infinity))]


def _is_marked(x: Value) -> bool:
    return x.kept is not None or x.minus_infinity is not None


def _is_least(x: Value) -> bool:
    """Whether it is minus infinity everywhere."""
    return x.minus_infinity is not None and bool(x.minus_infinity.all())


def _put(build: Writer, x: Value, given: Any, source: Any, accumulate: bool = False) -> Value:
    axes = [a for a, i in enumerate(given) if i is not None]
    chosen = [wrapped(build, whole(build, given[a]), x.shape[a]) for a in axes]
    source = build.number(source)
    fixed = [i for i in chosen if not isinstance(i, Value)]
    if len(fixed) < len(chosen):
        index = chosen[0]
        if axes != [0] or len(x.shape) != 1 or not isinstance(index, Value):
            raise CaptureError("index_put: places decided by a branch on several axes")
        return _decided(build, x, 0, index, build.broadcast(source, index.shape), accumulate)
    sizes: Shape = x.shape
    if axes != list(range(axes[0], axes[-1] + 1)):
        raise CaptureError("index_put: an axis without an index stands between two with one")
    grid = np.arange(prod(sizes)).reshape(sizes)
    starts = tuple(i % sizes[a] for a, i in zip(axes, fixed, strict=True))
    places = grid[(slice(None),) * axes[0] + starts]
    return _written(build, x, places, build.broadcast(source, places.shape), accumulate)
