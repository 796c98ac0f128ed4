"""Ops of the exported graph on token ids: shapes, moves, functions, reductions, rows of tables."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

import numpy as np
import torch

from symgauge.capture.exported import overload_of
from symgauge.capture.skeleton import has_values
from symgauge.capture.tokens import (
    MOST, PASSING, Narrower, TokenError, Tokens, entries_moved, made_of, pointwise, rows_of,
    tabulated,
)
from symgauge.ops.take import take
from symgauge.program.array import Shape
from symgauge.program.build import Builder
from symgauge.program.writer import Value

#: Ops that give tokens another shape, and those by which they pick rows of a table.
SHAPING = ("view.default", "_unsafe_view.default", "reshape.default", "unsqueeze.default")
INDEXING = ("embedding.default", "index.Tensor")
#: Ops that move entries of one tensor or of several, and do nothing else.
MOVING = (
    "expand.default", "permute.default", "transpose.int", "t.default", "squeeze.dim",
    "squeeze.dims", "squeeze.default", "slice.Tensor", "select.int", "flip.default",
    "roll.default", "repeat.default", "index_select.default", "split.Tensor",
    "split_with_sizes.default", "unbind.int", "cat.default", "stack.default",
    "slice_scatter.default", "select_scatter.default", "copy.default", "unfold.default",
    "constant_pad_nd.default", "diagonal.default",
)

Lift = Callable[[torch.Tensor], Value]


def call(build: Builder, lift: Lift, target: Any, args: Any, kwargs: Any) -> Any:
    """An op on tokens and constants alone, or rows that tokens pick; None where it is neither.

    `lift` makes a line of a constant. Raises TokenError where it would take too many combinations
    of values, and Narrower where some ids pick no row.
    """
    overload = overload_of(target)
    if overload in INDEXING:
        return _indexed(build, lift, args)
    if overload == "_local_scalar_dense.default":
        return args[0]  # an id that is taken out of its tensor, to select by
    if overload in ("select.int", "index_select.default") and isinstance(args[2], Tokens):
        table, axis = args[0], args[1] % len(args[0].shape)
        return _indexed(build, lift, (table, [None] * axis + [args[2]]))
    if overload == "gather.default":
        return _gathered(build, lift, *args[:3])
    leaves = torch.utils._pytree.tree_leaves(
        (args, kwargs), is_leaf=lambda x: isinstance(x, (Value, Tokens)))
    if any(isinstance(x, Value) for x in leaves):
        return None
    if any(isinstance(x, torch.Tensor) and not has_values(x) for x in leaves):
        raise TokenError("token ids meet a constant that lies on the meta device")
    if overload in SHAPING:
        shape = target(torch.empty(args[0].shape, device="meta"), *args[1:]).shape
        hot = args[0].one_hot
        return args[0].moved(build.reshape(hot, (*shape, hot.shape[-1])))
    if overload in PASSING and kwargs.get("dtype") in (None, args[0].labels.dtype):
        return args[0]
    if overload in MOVING or overload == "where.self" and not isinstance(args[0], Tokens):
        return entries_moved(build, target, args, kwargs)
    if overload in ("full_like.default", "zeros_like.default", "ones_like.default",
                    "empty_like.default"):
        return target(torch.zeros(args[0].shape, dtype=args[0].labels.dtype), *args[1:], **kwargs)
    if overload in _FOLDS:
        return _folded(build, overload, target, args, kwargs)
    if torch.Tag.pointwise in target.tags or overload in PASSING:
        return pointwise(build, target, args, kwargs)
    return None


# -- along an axis -------------------------------------------------------------------------------

Step = Callable[[Any, Any, int], Any]
#: For each reduction: the state after one entry, that after one more, and the result.
_FOLDS: dict[str, tuple[Callable[[Any], Any], Step, Callable[[Any], Any]]] = {
    **dict.fromkeys(("cumsum.default", "sum.dim_IntList", "sum.default"), (
        int, lambda s, x, i: s + int(x), lambda s: s)),
    **dict.fromkeys(("any.default", "any.dim", "any.dims"), (
        bool, lambda s, x, i: s or bool(x), lambda s: s)),
    **dict.fromkeys(("all.default", "all.dim", "all.dims"), (
        bool, lambda s, x, i: s and bool(x), lambda s: s)),
    **dict.fromkeys(("amax.default", "max.default"), (
        lambda x: x, lambda s, x, i: max(s, x), lambda s: s)),
    **dict.fromkeys(("amin.default", "min.default"), (
        lambda x: x, lambda s, x, i: min(s, x), lambda s: s)),
    "argmax.default": (
        lambda x: (x, 0), lambda s, x, i: (x, i) if x > s[0] else s, lambda s: s[1]),
    "argmin.default": (
        lambda x: (x, 0), lambda s, x, i: (x, i) if x < s[0] else s, lambda s: s[1]),
}


def _folded(build: Builder, overload: str, target: Any, args: Any, kwargs: Any) -> Any:
    """A sum, maximum, search, ... along some axes, entry by entry."""
    x, rank = args[0], len(args[0].shape)
    given = dict(zip(("dim", "keepdim"), args[1:]), **kwargs)
    wanted = given.get("dim")
    listed = list(wanted) if isinstance(wanted, (list, tuple)) else [wanted]
    axes = [a % rank for a in listed if a is not None] or list(range(rank))
    dtype = target(torch.zeros((1,) * rank, dtype=x.labels.dtype), *args[1:], **kwargs).dtype
    if not rank or dtype.is_floating_point:
        return None
    shape = tuple(n for a, n in enumerate(x.shape) if a not in axes)
    states = _states(build, overload, _entries(build, x, axes), x.labels.tolist())
    if overload == "cumsum.default":
        done = [_finished(build, *state, shape, dtype) for state in states]
        if not any(isinstance(d, Tokens) for d in done):
            return torch.stack(done, axes[0])
        return entries_moved(build, torch.ops.aten.stack.default, (done, axes[0]), {})
    result = _finished(build, *states[-1], shape, dtype)
    if not given.get("keepdim", False):
        return result
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    if isinstance(result, Tokens):
        return result.moved(build.reshape(result.one_hot, (*kept, len(result.labels))))
    return result.reshape(kept)


def _entries(build: Builder, x: Tokens, axes: Sequence[int]) -> list[Value]:
    """The one-hot rows at each place along the axes, with the other axes."""
    rank, classes = len(x.shape), len(x.labels)
    rest = [a for a in range(rank) if a not in axes]
    shape = tuple(x.shape[a] for a in rest)
    count = prod(x.shape[a] for a in axes)
    moved = build.permute(x.one_hot, (*rest, *axes, rank))
    moved = build.reshape(moved, (*shape, count, classes))
    return [
        build.reshape(build.slice(moved, len(shape), i, i + 1), (*shape, classes))
        for i in range(count)
    ]


def _states(
    build: Builder, overload: str, entries: Sequence[Value], own: Sequence[Any]
) -> list[tuple[Value | None, list[Any]]]:
    """After each entry, the one-hot rows of a reduction's result and its values."""
    start, step, end = _FOLDS[overload]
    hot, states = tabulated(build, entries[:1], [start(a) for a in own])
    after = [(hot, states)]
    for i, entry in enumerate(entries[1:], 1):
        if len(states) * len(own) > MOST:
            raise TokenError("a function of token ids takes too many combinations of them")
        pairs = [step(s, a, i) for s in states for a in own]
        hot, states = tabulated(build, [entry] if hot is None else [hot, entry], pairs)
        after.append((hot, states))
    return [(hot, [end(s) for s in states]) for hot, states in after]


def _finished(
    build: Builder, hot: Value | None, values: Sequence[Any], shape: Shape, dtype: torch.dtype
) -> Any:
    if hot is None:
        return torch.full(shape, values[0], dtype=dtype)
    return made_of(build, [hot], torch.tensor(values, dtype=dtype))


# -- rows of tables ------------------------------------------------------------------------------


def _indexed(build: Builder, lift: Lift, args: Any) -> Any:
    """table[i, j, ...] with tokens and constants for places."""
    table, given = args[0], args[1] if isinstance(args[1], list) else [args[1]]
    if isinstance(table, Tokens):
        if any(isinstance(i, Tokens) for i in given):
            raise TokenError("token ids are indexed by token ids")
        return _entries_moved_by(build, table, given)
    if not all(i is None or isinstance(i, (Tokens, torch.Tensor)) for i in given):
        return None
    axes = [a for a, i in enumerate(given) if i is not None]
    sizes = [table.shape[a] for a in axes]
    place: Any = None
    for a, n in zip(axes, sizes):
        own = given[a] if len(axes) == 1 else _op("remainder.Scalar", build, given[a], n)
        place = own if place is None else _op(
            "add.Tensor", build, _op("mul.Scalar", build, place, n), own)
    if not isinstance(place, Tokens):
        return None
    if isinstance(table, torch.Tensor):
        if table.dim() == 1 and not table.is_floating_point() and has_values(table):
            _require_inside(place, len(table))
            return made_of(build, [place.one_hot], table[place.labels], place.source)
        table = lift(table)
    rest = [a for a in range(len(table.shape)) if a not in axes]
    moved = build.permute(table, (*axes, *rest))
    lead = tuple(table.shape[a] for a in rest)
    wide = build.reshape(moved, (prod(sizes), prod(lead)))
    rows = build.reshape(_picked(build, wide, place), (*place.shape, *lead))
    if axes[0] == 0 or axes != list(range(axes[0], axes[-1] + 1)):
        return rows
    # adjacent indices: the new axes stand where the old ones stood
    new, rank = len(place.shape), len(rows.shape)
    before = range(new, new + axes[0])
    return build.permute(rows, (*before, *range(new), *range(new + axes[0], rank)))


def _op(name: str, build: Builder, *args: Any) -> Any:
    base, form = name.split(".")
    target = getattr(getattr(torch.ops.aten, base), form)
    if any(isinstance(x, Tokens) for x in args):
        return pointwise(build, target, args, {})
    return target(*args)


def _entries_moved_by(build: Builder, tokens: Tokens, given: Any) -> Tokens:
    places = torch.arange(prod(tokens.shape)).reshape(tokens.shape)
    chosen = torch.ops.aten.index.Tensor(places, given)
    rows = rows_of(build, tokens, tokens.labels.dtype).one_hot
    taken = take(build, rows, 0, chosen.reshape(-1).numpy())
    return tokens.moved(build.reshape(taken, (*chosen.shape, len(tokens.labels))))


def _require_inside(place: Tokens, rows: int) -> None:
    """Raise where a value picks no row: the ids are fewer, or they are not understood."""
    wrong = ((place.labels < -rows) | (place.labels >= rows)).nonzero().reshape(-1)
    if len(wrong) and place.source:
        raise Narrower(place.source, int(wrong[0]))
    if len(wrong):
        raise TokenError(f"some token ids pick row {int(place.labels[wrong[0]])} of {rows}")


def _picked(build: Builder, wide: Value, place: Tokens) -> Value:
    """Rows of a matrix, shape (entries, columns)."""
    _require_inside(place, wide.shape[0])
    hot = place.one_hot
    flat = build.reshape(hot, (prod(place.shape), hot.shape[-1]))
    labels = place.labels.to(torch.int64).numpy() % wide.shape[0]
    if not np.array_equal(labels, np.arange(wide.shape[0])):
        wide = take(build, wide, 0, labels)
    return build.apply("matmul", flat, wide)


def _gathered(build: Builder, lift: Lift, x: Any, axis: int, place: Any) -> Any:
    """out[i, j] = x[i, place[i, j]] along an axis."""
    if not isinstance(place, Tokens) or isinstance(x, Tokens):
        return None
    rank = len(x.shape)
    axis %= max(rank, 1)
    if isinstance(x, torch.Tensor):
        lines = x.movedim(axis, 0).reshape(x.shape[axis], -1) if has_values(x) and rank else x
        if not x.is_floating_point() and has_values(x) and rank and (
                lines == lines[:, :1]).all():
            # the same integers beside the axis: a function of the ids alone
            _require_inside(place, len(lines))
            return made_of(build, [place.one_hot], lines[place.labels, 0], place.source)
        x = lift(x)
    for a, n in enumerate(place.shape):
        if a != axis:
            x = build.slice(x, a, 0, n)
    _require_inside(place, x.shape[axis])
    order = (*(a for a in range(rank) if a != axis), axis)
    column = take(build, build.permute(x, order), rank - 1, place.labels.numpy())
    rows = build.permute(place.one_hot, (*order, rank))
    found = build.apply("matmul", rows, build.reshape(column, (*column.shape, 1)))
    found = build.reshape(found, found.shape[:-1])
    return build.permute(found, (*range(axis), rank - 1, *range(axis, rank - 1)))
