"""Integer inputs that pick rows of tables, and the integers that are made of them.

An id is a one-hot vector. What else a module does with ids (a padding mask, positions counted by
a running sum, the search for the end of a text) is a function of finitely many integers: the
one-hot vectors of its values are sums of products of theirs, exactly, for all ids.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch

from symgauge.capture.exported import overload_of
from symgauge.capture.skeleton import has_values
from symgauge.errors import CaptureError
from symgauge.ops.take import take
from symgauge.program.array import Shape
from symgauge.program.build import Builder
from symgauge.program.writer import Value

#: Ops through which tokens stay tokens, and those by which they pick rows of a table.
SHAPING = ("view.default", "_unsafe_view.default", "reshape.default", "unsqueeze.default")
PASSING = ("clone.default", "alias.default", "_to_copy.default", "detach.default",
           "lift_fresh_copy.default")
INDEXING = ("embedding.default", "index.Tensor")
#: Beginnings of the names of ops that pick rows of their first argument.
PICKING = ("embedding", "_embedding_bag", "index.Tensor", "index_select", "gather")
#: Ops that move entries of one tensor or of several, and do nothing else.
MOVING = (
    "expand.default", "permute.default", "transpose.int", "t.default", "squeeze.dim",
    "squeeze.dims", "squeeze.default", "slice.Tensor", "select.int", "flip.default",
    "roll.default", "repeat.default", "index_select.default", "split.Tensor",
    "split_with_sizes.default", "unbind.int", "cat.default", "stack.default",
    "slice_scatter.default", "select_scatter.default", "copy.default", "unfold.default",
    "constant_pad_nd.default", "diagonal.default",
)
#: Ops that add a constant: a table may be indexed from there on.
SHIFTING = ("add.Tensor", "add.Scalar", "sub.Tensor", "sub.Scalar")
#: Combinations of values that one line may take a function of.
MOST = 1 << 20

Lift = Callable[[torch.Tensor], Value]


class TokenError(CaptureError):
    """Something is done with token ids that is not understood for all of them."""


class Narrower(Exception):
    """Ids from `classes` on lie outside a table that is indexed with a function of them."""

    def __init__(self, name: str, classes: int) -> None:
        super().__init__(name, classes)
        self.name, self.classes = name, classes


@dataclass(frozen=True)
class Tokens:
    """Integers or truth values that token ids decide: one-hot rows over their possible values."""

    one_hot: Value
    #: The value of each class, shape (classes,), in the integers' own type.
    labels: torch.Tensor
    #: The input that each entry is a function of an id of, with as many classes; else "".
    source: str = ""

    @property
    def shape(self) -> Shape:
        """Shape of the tensor of integers."""
        return self.one_hot.shape[:-1]

    def moved(self, one_hot: Value) -> Tokens:
        """The same values at other places."""
        return replace(self, one_hot=one_hot)


def classes_of(node: Any) -> int:
    """How many ids an integer input ranges over: the rows of the tables it picks from; else 0.

    A table that is indexed with an id plus a constant counts where no other is.
    """
    direct: set[int] = set()
    shifted: set[int] = set()
    stack, seen = [(node, direct)], set()
    while stack:
        current, found = stack.pop()
        for user in current.users:
            if user in seen or user.op == "output" or not hasattr(user.target, "_schema"):
                continue
            seen.add(user)
            overload = overload_of(user.target)
            chosen = overload == "where.self" and current in user.args[1:] or (
                overload.startswith("masked_fill") and current is user.args[0])
            if overload in SHAPING + PASSING + MOVING or chosen:
                stack.append((user, found))
            elif overload in SHIFTING:
                stack.append((user, shifted))
            elif overload in INDEXING and _picks_rows(user, current):
                found.add(int(user.args[0].meta["val"].shape[0]))
    classes = min(direct) if direct else max(shifted, default=0)
    return classes if classes > 1 else 0


def picks_rows(node: Any) -> bool:
    """Whether rows of a parameter are picked by an integer input, or by integers made of it."""
    stack, seen = [node], {node}
    while stack:
        current = stack.pop()
        for user in current.users:
            if user.op != "call_function" or user in seen:
                continue
            seen.add(user)
            table = user.args[0] if user.args else None
            if overload_of(user.target).startswith(PICKING) and table is not current and (
                    getattr(table, "op", "") == "placeholder"):
                return True
            value = user.meta.get("val")
            if isinstance(value, (tuple, list)) or (
                    isinstance(value, torch.Tensor) and not value.is_floating_point()):
                stack.append(user)
    return False


def _picks_rows(user: Any, index: Any) -> bool:
    given = user.args[1]
    if isinstance(given, (list, tuple)):
        return len(given) == 1 and given[0] is index and user.args[0].op == "placeholder"
    return given is index and user.args[0].op == "placeholder"


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
    if overload == "select.int" and isinstance(args[2], Tokens):
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
        return _entries_moved(build, target, args, kwargs)
    if overload in ("full_like.default", "zeros_like.default", "ones_like.default",
                    "empty_like.default"):
        return target(torch.zeros(args[0].shape, dtype=args[0].labels.dtype), *args[1:], **kwargs)
    if overload in _FOLDS:
        return _folded(build, overload, target, args, kwargs)
    if torch.Tag.pointwise in target.tags or overload in PASSING:
        return _pointwise(build, target, args, kwargs)
    return None


def numbers(build: Builder, tokens: Tokens) -> Value:
    """The integers themselves: a linear function of one-hot rows."""
    hot = tokens.one_hot
    column = build.floats(tokens.labels.to(torch.float64).numpy()[:, None])
    flat = build.reshape(hot, (prod(tokens.shape), hot.shape[-1]))
    return build.reshape(build.apply("matmul", flat, column), tokens.shape)


# -- functions of values -------------------------------------------------------------------------


def _tabulated(
    build: Builder, hots: Sequence[Value], labels: Sequence[Hashable]
) -> tuple[Value | None, list[Any]]:
    """One-hot rows of a function of several, and its distinct values; None where it is constant."""
    distinct = list(dict.fromkeys(labels))
    if len(distinct) == 1:
        return None, distinct
    if len(hots) == 1 and len(distinct) == len(labels):
        return hots[0], distinct
    number = {x: k for k, x in enumerate(distinct)}
    table = tuple(number[x] for x in labels)
    return build.apply("tabulated", *hots, table=table, count=len(distinct)), distinct


def _made(
    build: Builder, hots: Sequence[Value], labels: torch.Tensor, source: str = ""
) -> Tokens | torch.Tensor:
    """The tokens with these values, one for each combination of the classes of some rows."""
    hot, distinct = _tabulated(build, hots, labels.reshape(-1).tolist())
    values = torch.tensor(distinct, dtype=labels.dtype)
    if hot is None:
        return values.expand(hots[0].shape[:-1]).clone() if hots[0].shape[:-1] else values[0]
    return Tokens(hot, values, source if hot is hots[0] else "")


def _pointwise(build: Builder, target: Any, args: Any, kwargs: Any) -> Any:
    """An entrywise op: evaluated by torch on every combination of the values."""
    flat, spec = torch.utils._pytree.tree_flatten(
        (args, kwargs), is_leaf=lambda x: isinstance(x, Tokens))
    operands = [k for k, x in enumerate(flat) if isinstance(x, (Tokens, torch.Tensor))]
    shape = tuple(np.broadcast_shapes(*(tuple(flat[k].shape) for k in operands)))
    given = {k: _as_tokens(build, flat[k]) for k in operands}
    varying = [k for k in operands if isinstance(given[k], Tokens)]
    if prod(len(given[k].labels) for k in varying) > MOST:
        raise TokenError("a function of token ids takes too many combinations of them")
    for place, k in enumerate(varying):
        view = [1] * len(varying)
        view[place] = -1
        flat[k] = given[k].labels.reshape(view)
    for k in operands:
        if k not in varying:
            flat[k] = given[k]
    new_args, new_kwargs = torch.utils._pytree.tree_unflatten(flat, spec)
    new_kwargs.pop("device", None)
    labels = target(*new_args, **new_kwargs)
    if labels.dtype.is_floating_point:
        if overload_of(target) not in PASSING:
            return None  # arithmetic on floats stays an expression
        labels = labels.to(torch.float64)
    labels = labels.expand([len(given[k].labels) for k in varying])
    hots = [_broadcast(build, given[k].one_hot, shape) for k in varying]
    source = given[varying[0]].source if len(varying) == 1 else ""
    return _made(build, hots, labels, source)


def _as_tokens(build: Builder, x: Any) -> Any:
    """A constant tensor of several values as constant one-hot rows; of one value, a number."""
    if isinstance(x, Tokens):
        return x
    values, index = x.unique(return_inverse=True)
    if len(values) == 1:
        return values[0]
    return Tokens(build.floats(np.eye(len(values))[index.numpy()]), values)


def _broadcast(build: Builder, hot: Value, shape: Shape) -> Value:
    lead = (1,) * (len(shape) - len(hot.shape) + 1)
    return build.broadcast(
        build.reshape(hot, (*lead, *hot.shape)), (*shape, hot.shape[-1]))


# -- moves ---------------------------------------------------------------------------------------


def _entries_moved(build: Builder, target: Any, args: Any, kwargs: Any) -> Any:
    """An op that moves entries: torch moves their numbers."""
    flat, spec = torch.utils._pytree.tree_flatten(
        (args, kwargs), is_leaf=lambda x: isinstance(x, Tokens))
    operands = [k for k, x in enumerate(flat) if isinstance(x, (Tokens, torch.Tensor))]
    if overload_of(target) == "index_select.default":
        operands = operands[:1]
    if overload_of(target) == "where.self":
        operands = [k for k in operands if flat[k] is not args[0]]
    dtype = next(x.labels.dtype for x in flat if isinstance(x, Tokens))
    parts = [_rows(build, flat[k], dtype) for k in operands]
    if overload_of(target) == "constant_pad_nd.default":
        filled = flat[-1] if len(args) > 2 else 0
        parts.append(_rows(build, torch.tensor([filled], dtype=dtype), dtype))
    labels = list(dict.fromkeys(x for p in parts for x in p.labels.tolist()))
    rows = [_relabelled(build, p, labels) for p in parts]
    start = 0
    for k, p in zip(operands, parts):
        count = prod(tuple(flat[k].shape))
        flat[k] = torch.arange(start, start + count).reshape(tuple(flat[k].shape))
        start += count
    new_args, new_kwargs = torch.utils._pytree.tree_unflatten(flat, spec)
    if len(parts) > len(operands):
        new_args = (*new_args[:2], start)
    every = rows[0] if len(rows) == 1 else build.apply("concatenate", *rows, axis=0)
    values = torch.tensor(labels, dtype=dtype)
    source = parts[0].source if len(parts) == 1 else ""

    def one(places: torch.Tensor) -> Tokens:
        chosen = take(build, every, 0, places.reshape(-1).numpy())
        return Tokens(build.reshape(chosen, (*places.shape, len(labels))), values, source)

    return torch.utils._pytree.tree_map(one, target(*new_args, **new_kwargs))


def _rows(build: Builder, x: Any, dtype: torch.dtype) -> Tokens:
    """Tokens, or a constant, with one leading axis."""
    if isinstance(x, torch.Tensor):
        values, index = x.to(dtype).unique(return_inverse=True)
        x = Tokens(build.floats(np.eye(len(values))[index.numpy()]), values)
    made: Tokens = x
    return made.moved(build.reshape(made.one_hot, (prod(made.shape), len(made.labels))))


def _relabelled(build: Builder, x: Tokens, labels: Sequence[Any]) -> Value:
    """The same rows over more classes."""
    own = x.labels.tolist()
    if own == list(labels):
        return x.one_hot
    inclusion = np.array([[a == b for b in labels] for a in own], dtype=np.float64)
    return build.apply("matmul", x.one_hot, build.floats(inclusion))


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
    start, step, end = _FOLDS[overload]
    rest = [a for a in range(rank) if a not in axes]
    shape = tuple(x.shape[a] for a in rest)
    moved = build.permute(x.one_hot, (*rest, *axes, rank))
    count = prod(x.shape[a] for a in axes)
    moved = build.reshape(moved, (*shape, count, len(x.labels)))
    entries = []
    for i in range(count):
        one = build.slice(moved, len(shape), i, i + 1)
        entries.append(build.reshape(one, (*shape, len(x.labels))))
    own = x.labels.tolist()
    hot, states = _tabulated(build, entries[:1], [start(a) for a in own])
    after = [(hot, states)]
    for i, entry in enumerate(entries[1:], 1):
        if len(states) * len(own) > MOST:
            raise TokenError("a function of token ids takes too many combinations of them")
        pairs = [step(s, a, i) for s in states for a in own]
        hot, states = _tabulated(build, [entry] if hot is None else [hot, entry], pairs)
        after.append((hot, states))
    done = [_finished(build, h, [end(s) for s in states], shape, dtype) for h, states in (
        after if overload == "cumsum.default" else after[-1:])]
    if overload == "cumsum.default":
        if not any(isinstance(d, Tokens) for d in done):
            return torch.stack(done, axes[0])
        return _entries_moved(build, torch.ops.aten.stack.default, (done, axes[0]), {})
    (result,) = done
    if not given.get("keepdim", False):
        return result
    kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
    if isinstance(result, Tokens):
        return result.moved(build.reshape(result.one_hot, (*kept, len(result.labels))))
    return result.reshape(kept)


def _finished(
    build: Builder, hot: Value | None, values: Sequence[Any], shape: Shape, dtype: torch.dtype
) -> Any:
    if hot is None:
        return torch.full(shape, values[0], dtype=dtype)
    return _made(build, [hot], torch.tensor(values, dtype=dtype))


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
            return _made(build, [place.one_hot], table[place.labels], place.source)
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
        return _pointwise(build, target, args, {})
    return target(*args)


def _entries_moved_by(build: Builder, tokens: Tokens, given: Any) -> Tokens:
    places = torch.arange(prod(tokens.shape)).reshape(tokens.shape)
    chosen = torch.ops.aten.index.Tensor(places, given)
    rows = _rows(build, tokens, tokens.labels.dtype).one_hot
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
    if isinstance(x, torch.Tensor):
        x = lift(x)
    rank = len(x.shape)
    axis %= max(rank, 1)
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
