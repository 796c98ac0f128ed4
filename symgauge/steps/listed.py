"""Mixtures of experts that are lines of their own, read entry by entry: sum_e p_e E_e."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symgauge.program.constant import Constant
from symgauge.steps.experts import softmax, weights
from symgauge.steps.reading import Form, Numbers, Reader
from symgauge.steps.unread import Unread
from symgauge.steps.widths import Axis


@dataclass(frozen=True)
class Listed:
    """sum_e p_e E_e of lines E_e; `router`: the logits; the others as of `Experts`."""

    node: int
    axis: Axis
    experts: tuple[Form, ...]
    router: Form
    normalised: bool
    shared: bool
    chosen: int


def listed(reader: Reader, i: int) -> Listed | None:
    """The mixture that a product of weights and lines side by side is, None where it is none."""
    a, b = reader.node(i).inputs
    below, numbers = reader.source(b)
    if reader.law(below) != "join" or reader.node(i).shape[-2:-1] != (1,):
        return None
    parts = [reader.source(j) for j in reader.node(below).inputs]
    count, width = len(parts), numbers.shape[-1]
    axis = reader.node(below).attrs["axis"]

    def ordered(each: list[Numbers]) -> Numbers:
        """Of each row, of each expert, of each feature."""
        found: Numbers = np.concatenate(each, axis=axis).reshape(-1)[numbers]
        return found.reshape(-1, count, width)

    rows = ordered([n for _, n in parts])
    if (ordered([np.full(n.shape, k) for k, (_, n) in enumerate(parts)])
            != np.arange(count)[:, None]).any() or (
            rows != np.arange(len(rows) * width).reshape(-1, 1, width)).any() or any(
            reader.node(j).shape[-1] != width for j, _ in parts):
        return None
    forms = tuple(reader.read(j) for j, _ in parts)
    for f in forms:
        reader.widths.meet(forms[0].axis, f.axis)
    reader.begins_with(i, forms[0].axis)
    place = reader.same(a)
    if place is None or reader.node(place).shape[-1] != count:
        raise Unread(f"v{i} weighs lines by what is no list of weights")
    return Listed(i, forms[0].axis, forms, *_gates(reader, place, count))


def listed_sum(reader: Reader, form: Form) -> Listed | None:
    """The same of a sum of lines, each times a column of the weights; None where it is none."""
    found: dict[tuple[int, int], int] = {}
    for t in form.terms:
        one = None if t.maps else _weighed(reader, t.base)
        if one is None or one[:2] in found:
            return None
        found[one[:2]] = one[2]
    (table, _), *_ = found
    if set(found) != {(table, k) for k in range(reader.node(table).shape[-1])}:
        return None
    forms = tuple(reader.read(found[table, k]) for k in range(len(found)))
    for f in forms:
        reader.widths.meet(form.axis, f.axis)
    return Listed(form.node, form.axis, forms, *_gates(reader, table, len(found)))


def _weighed(reader: Reader, i: int) -> tuple[int, int, int] | None:
    """(weights, column, line) where a line is a column of the weights times a line."""
    if reader.law(i) != "product":
        return None
    a, b = reader.node(i).inputs
    for value, weight in ((a, b), (b, a)):
        column, numbers = reader.source(weight)
        rows = numbers.reshape(-1, reader.node(i).shape[-1])
        node, line = reader.node(column), reader.same(value)
        if line is None or reader.law(column) != "part" or node.shape[-1] != 1 or node.attrs[
                "axis"] != len(node.shape) - 1 or (rows != np.arange(len(rows))[:, None]).any():
            continue
        table = reader.same(node.inputs[0])
        if table is not None:
            return table, node.attrs["start"], line
    return None


def _gates(reader: Reader, i: int, count: int) -> tuple[Form, bool, bool, int]:
    """(logits, whether a softmax's, whether the chosen sum to 1, how many are chosen)."""
    router = softmax(reader, i)
    if router is not None:
        return reader.read(router), True, False, count
    i = _live(reader, i)
    if reader.law(i) != "contraction":
        raise Unread(f"v{i} are no weights that are placed by a ranking")
    row, ranking = reader.node(i).inputs
    below = reader.same(row)
    if below is None:
        raise Unread(f"v{i} places weights in another order")
    found = weights(reader, below)
    if found.ranking != ranking:
        raise Unread(f"v{i} places weights by another ranking")
    return reader.read(found.router), found.normalised, found.shared, reader.node(
        ranking).shape[-2]


def _live(reader: Reader, i: int) -> int:
    """The one term of a sum that is not 0 times something."""
    while reader.law(i) == "sum of lines":
        left = [j for j in reader.node(i).inputs if not _zero(reader, j)]
        found = reader.same(left[0]) if len(left) == 1 else None
        if found is None:
            raise Unread(f"v{i} is a sum of several weights")
        i = found
    return i


def _zero(reader: Reader, i: int) -> bool:
    below, _ = reader.source(i)
    leaf = reader.node(below).leaf
    if isinstance(leaf, Constant):
        return not leaf.unknown and all(x == 0 for x in leaf.table)
    return reader.law(below) == "product" and any(
        _zero(reader, j) for j in reader.node(below).inputs)
