"""Integer inputs that pick rows of tables, and the integers that are made of them.

An id is a one-hot vector. What else a module does with ids (a padding mask, positions counted by
a running sum, the search for the end of a text) is a function of finitely many integers: the
one-hot vectors of its values are sums of products of theirs, exactly, for all ids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import torch

from symgauge.capture.exported import overload_of
from symgauge.errors import CaptureError
from symgauge.ops.take import take
from symgauge.program.array import Shape
from symgauge.program.build import Builder
from symgauge.program.writer import Value

#: Ops that leave tokens as they are.
PASSING = ("clone.default", "alias.default", "_to_copy.default", "detach.default",
           "lift_fresh_copy.default")
#: Combinations of values that one line may take a function of.
MOST = 1 << 20


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


def numbers(build: Builder, tokens: Tokens) -> Value:
    """The integers themselves: a linear function of one-hot rows."""
    hot = tokens.one_hot
    column = build.floats(tokens.labels.to(torch.float64).numpy()[:, None])
    flat = build.reshape(hot, (prod(tokens.shape), hot.shape[-1]))
    return build.reshape(build.apply("matmul", flat, column), tokens.shape)


# -- functions of values -------------------------------------------------------------------------


def tabulated(
    build: Builder, hots: Sequence[Value], labels: Sequence[Any]
) -> tuple[Value | None, list[Any]]:
    """One-hot rows of a function of several, and its distinct values; None where it is constant."""
    # in order: rows of a table that they pick are then a range of it
    distinct = sorted(dict.fromkeys(labels))
    if len(distinct) == 1:
        return None, distinct
    if len(hots) == 1 and len(distinct) == len(labels):
        return hots[0], list(labels)
    number = {x: k for k, x in enumerate(distinct)}
    table = tuple(number[x] for x in labels)
    return build.apply("tabulated", *hots, table=table, count=len(distinct)), distinct


def made_of(
    build: Builder, hots: Sequence[Value], labels: torch.Tensor, source: str = ""
) -> Tokens | torch.Tensor:
    """The tokens with these values, one for each combination of the classes of some rows."""
    hot, distinct = tabulated(build, hots, labels.reshape(-1).tolist())
    values = torch.tensor(distinct, dtype=labels.dtype)
    if hot is None:
        return values.expand(hots[0].shape[:-1]).clone() if hots[0].shape[:-1] else values[0]
    return Tokens(hot, values, source if hot is hots[0] else "")


def pointwise(build: Builder, target: Any, args: Any, kwargs: Any) -> Any:
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
    return made_of(build, hots, labels, source)


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


def entries_moved(build: Builder, target: Any, args: Any, kwargs: Any) -> Any:
    """An op that moves entries: torch moves their numbers."""
    flat, spec = torch.utils._pytree.tree_flatten(
        (args, kwargs), is_leaf=lambda x: isinstance(x, Tokens))
    operands = [k for k, x in enumerate(flat) if isinstance(x, (Tokens, torch.Tensor))]
    if overload_of(target) == "index_select.default":
        operands = operands[:1]
    if overload_of(target) == "where.self":
        operands = [k for k in operands if flat[k] is not args[0]]
    dtype = next(x.labels.dtype for x in flat if isinstance(x, Tokens))
    parts = [rows_of(build, flat[k], dtype) for k in operands]
    if overload_of(target) == "constant_pad_nd.default":
        filled = flat[-1] if len(args) > 2 else 0
        parts.append(rows_of(build, torch.tensor([filled], dtype=dtype), dtype))
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


def rows_of(build: Builder, x: Any, dtype: torch.dtype) -> Tokens:
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
