"""Averages of tokens, read entry by entry: sum_s p_ts v_s, p of the scores q_t . k_s."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symgauge.program.constant import Constant
from symgauge.steps.reading import Form, Numbers, Reader
from symgauge.steps.unread import Unread
from symgauge.steps.widths import Axis


@dataclass(frozen=True)
class Average:
    """The averages of one line, and their heads: groups share keys and values."""

    node: int
    query: Form
    key: Form
    value: Form
    groups: Axis
    repeats: Axis
    key_width: Axis
    value_width: Axis
    #: Whether a normaliser makes the weights of a row sum to 1.
    normalised: bool
    #: Whether some row sees two tokens.
    sees_two: bool
    scores: int
    #: (row, token) of all that a row of every head sees.
    pairs: frozenset[tuple[int, int]]


def average(reader: Reader, i: int) -> Average:
    """The averages that a contraction of two lines is. Raises Unread."""
    weights, values = reader.node(i).inputs
    soft = reader.same(weights)
    if soft is None:
        raise Unread(f"the weights of v{i} are moved")
    line = reader.node(soft)
    op = line.op
    if op is None or len(line.shape) < 2:
        raise Unread(f"the weights of v{i} are none that are read")
    heads, (t, s) = int(np.prod(line.shape[:-2])), line.shape[-2:]
    normalised = op.law == "normaliser" and op.exponentiates and line.attrs[
        "axis"] == len(line.shape) - 1
    if not normalised and op.converse != "smooth":
        raise Unread(f"the weights of v{i} are no softmax and no smooth function")
    mask = line.inputs[1] if len(line.inputs) > 1 else None
    seen = _seen(reader, mask, (heads, t, s))
    scores = _scores(reader, line.inputs[0], mask)
    query, key = reader.node(scores).inputs
    value_line, values_at = reader.source(values)
    q, cq = _columns(reader, query, (heads, t, -1))
    k, ck = _columns(reader, key, (heads, -1, s), last=True)
    v, cv = _by_head(reader, value_line, values_at.reshape(heads, s, -1))
    return _joined(reader, (i, scores), (q, k, v), (cq, ck, cv), normalised, seen)


def _seen(reader: Reader, mask: int | None, shape: tuple[int, ...]) -> Numbers:
    if mask is None:
        return np.ones(shape, dtype=np.int64)
    leaf = reader.node(mask).leaf
    if not isinstance(leaf, Constant) or leaf.unknown:
        raise Unread("a mask that is no constant")
    found = (leaf.floats() != 0).astype(np.int64)
    return np.broadcast_to(found.reshape(-1, *shape[1:]), shape)


def _scores(reader: Reader, i: int, mask: int | None) -> int:
    """The product of queries and keys, below factors, a mask and constants."""
    while True:
        below = reader.same(i)
        if below is None or reader.node(below).shape[-2:] != reader.node(i).shape[-2:]:
            raise Unread(f"scores v{i} are moved")
        i, node = below, reader.node(below)
        law = reader.law(i)
        live = [j for j in node.inputs if not reader.network.is_constant[j]]
        if law == "contraction" and len(live) == 2:
            return i
        factor = law == "multiple" and node.attrs["factor"] != 0
        if len(live) != 1 or not (factor or law == "sum of lines" or (
                law == "product" and mask is not None and mask in node.inputs)):
            raise Unread(f"scores v{i} are no product of queries and keys")
        i = live[0]


def _columns(
    reader: Reader, i: int, shape: tuple[int, ...], last: bool = False
) -> tuple[int, Numbers]:
    below, numbers = reader.source(i)
    numbers = numbers.reshape(shape)
    while reader.law(below) == "multiple" and reader.node(below).attrs["factor"] != 0:
        inner, moved = reader.source(reader.node(below).inputs[0])
        below, numbers = inner, moved.reshape(-1)[numbers]
    return _by_head(reader, below, numbers.transpose(0, 2, 1) if last else numbers)


def _by_head(reader: Reader, below: int, numbers: Numbers) -> tuple[int, Numbers]:
    """The columns that each head reads: (heads, columns). The rows are tokens, in order."""
    width = reader.node(below).shape[-1]
    rows, columns = numbers // width, numbers % width
    if (rows != np.arange(numbers.shape[1])[None, :, None]).any() or (
            columns != columns[:, :1]).any():
        raise Unread(f"heads of v{below} that read no rows of it")
    return below, columns[:, 0]


def _joined(
    reader: Reader, at: tuple[int, int], lines: tuple[int, int, int],
    columns: tuple[Numbers, Numbers, Numbers], normalised: bool, seen: Numbers,
) -> Average:
    cq, ck, cv = columns
    _own(reader, lines[0], cq)
    of_keys, of_values = _groups(reader, lines[1], ck), _groups(reader, lines[2], cv)
    if of_keys != of_values:
        raise Unread("keys and values have other groups of heads")
    widths, groups = reader.widths, max(of_keys) + 1
    repeats = len(of_keys) // groups
    g, m, dk, dv = (widths.fresh(n) for n in (groups, repeats, cq.shape[1], cv.shape[1]))
    query, key, value = (reader.read(j) for j in lines)
    for form, parts in zip((query, key, value), ((g, m, dk), (g, dk), (g, dv)), strict=True):
        widths.split(form.axis, parts)
    i, scores = at
    whole = widths.fresh(groups * repeats * cv.shape[1])
    widths.split(whole, (g, m, dv))
    reader.axes[i] = whole
    heads, tokens = len(of_keys), reader.node(i).shape[-2]
    reader.rows[i] = np.arange(heads * tokens * cv.shape[1]).reshape(
        heads, tokens, -1).transpose(1, 0, 2).reshape(tokens, -1)
    two = bool((seen.min(0).sum(-1) > 1).any())
    pairs = frozenset((int(t), int(s)) for t, s in zip(*seen.min(0).nonzero(), strict=True))
    return Average(i, query, key, value, g, m, dk, dv, normalised, two, scores, pairs)


def _own(reader: Reader, line: int, columns: Numbers) -> None:
    """Each head reads columns of its own, all of them together."""
    if not (np.sort(columns.reshape(-1)) == np.arange(reader.node(line).shape[-1])).all():
        raise Unread(f"heads of v{line} that share columns, or leave some out")


def _groups(reader: Reader, line: int, columns: Numbers) -> list[int]:
    """Which columns each head reads, numbered; heads of one number read the same."""
    known: dict[tuple[int, ...], int] = {}
    found = [known.setdefault(tuple(map(int, c)), len(known)) for c in columns]
    if len({found.count(x) for x in found}) != 1:
        raise Unread(f"groups of v{line} of several sizes")
    _own(reader, line, np.array(list(known)))
    return found
