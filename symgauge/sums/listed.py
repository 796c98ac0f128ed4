"""Mixtures of experts that are lines of their own: sum_e p_e E_e, p a softmax, or its largest."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np

from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.sums.affine import ONE, Affine, Reader
from symgauge.sums.routed import RoutedReader
from symgauge.sums.views import MOVES


@dataclass(frozen=True)
class Listed:
    """sum_e p_e E_e, `experts` the E_e; `router`: the logits, whose softmax p is.

    `shared`: p is over the sum of the `chosen` ones, 0 for the others.
    """

    node: int
    feats: tuple[Address, ...]
    experts: tuple[Affine, ...]
    router: Affine
    gates: str
    shared: bool
    chosen: int


class ListedReader:
    """Reads products of weights with lines side by side."""

    def __init__(self, reader: Reader) -> None:
        self.reader, self.structure = reader, reader.structure
        self.routed = RoutedReader(reader)

    def of(self, line: Line, feats: tuple[Address, ...]) -> Listed | None:
        """The mixture that a line is, or None."""
        rank = len(line.shape)
        if rank < 2 or line.shape[-2] != 1 or set(feats) != {
                a for a in self.structure.top(line.node) if a[0] == rank - 1}:
            return None
        lines = self._side_by_side(line.inputs[1])
        weights, numbers = self._moved(line.inputs[0])
        if lines is None or not _in_order(numbers) or numbers.size % len(lines):
            return None
        found = self._weights(weights, len(lines))
        if found is None or self.structure.network.nodes[weights].shape[-1] != len(lines):
            return None
        gates, router, shared, chosen = found
        return Listed(line.node, feats, tuple(
            self.reader.read(j, self.reader.last_axis(j)) for j in lines), router, gates, shared,
            chosen)

    def of_terms(self, goal: Affine) -> Listed | None:
        """The same of a sum of products, each of a column of the weights and a line, or None."""
        found: dict[int, int] = {}
        tables = set()
        for t in goal.terms:
            one = None if t.factors or t.scale != ONE else self._weighed(t.base)
            if one is None or one[1] in found:
                return None
            tables.add(one[0])
            found[one[1]] = one[2]
        if len(tables) != 1 or sorted(found) != list(range(len(found))):
            return None
        (table,) = tables
        gates = self._weights(table, len(found))
        if gates is None or self.structure.network.nodes[table].shape[-1] != len(found):
            return None
        name, router, shared, chosen = gates
        return Listed(goal.node, goal.feats, tuple(
            self.reader.read(found[e], self.reader.last_axis(found[e])) for e in sorted(found)),
            router, name, shared, chosen)

    def _weighed(self, node: int) -> tuple[int, int, int] | None:
        """(weights, column, line) where a line is a column of the weights times a line."""
        line = self.structure.lines[node]
        if line.law != "product" or len(line.inputs) != 2:
            return None
        for value, weight in (line.inputs, line.inputs[::-1]):
            column, numbers = self._moved(weight)
            one = self.structure.lines.get(column)
            below, rows = self._moved(value)
            table = numbers.reshape(-1, line.shape[-1])
            if one is None or one.law != "part" or one.attrs["axis"] != len(one.shape) - 1 or (
                    one.shape[-1] != 1 or not _in_order(rows)) or (
                    table != np.arange(len(table))[:, None]).any():
                continue
            source, order = self._moved(one.inputs[0])
            if _in_order(order):
                return source, one.attrs["start"], below
        return None

    def _moved(self, node: int) -> tuple[int, Array]:
        """What a line moves, and which of its entries stands where."""
        found = self.structure.network.nodes[node]
        numbers = np.arange(prod(found.shape)).reshape(found.shape)
        law = "" if found.op is None else found.op.law
        if law not in MOVES or law == "permutation" and "dims" not in found.attrs:
            return node, numbers
        below, inner = self._moved(found.inputs[0])
        if law == "permutation":
            return below, inner.transpose(found.attrs["dims"])
        if prod(found.shape) == inner.size:
            return below, inner.reshape(found.shape)
        if inner.ndim == len(found.shape):
            return below, np.broadcast_to(inner, found.shape)
        return node, numbers

    def _side_by_side(self, node: int) -> list[int] | None:
        """The lines whose rows are, one after the other, the rows (rows, E, o) of a line."""
        below, numbers = self._moved(node)
        line = self.structure.lines.get(below)
        if line is None or line.law != "join":
            return None
        parts = [self._moved(j) for j in line.inputs]
        which = np.concatenate([np.full(n.shape, k) for k, (_, n) in enumerate(parts)],
                               axis=line.attrs["axis"]).reshape(-1)[numbers]
        entry = np.concatenate([n for _, n in parts], axis=line.attrs["axis"]).reshape(-1)[numbers]
        count, width = len(parts), numbers.shape[-1]
        which, entry = (a.reshape(-1, count, width) for a in (which, entry))
        wanted = np.arange(len(entry) * width).reshape(-1, 1, width)
        if any(self.structure.network.nodes[j].shape[-1] != width for j, _ in parts) or (
                which != np.arange(count)[:, None]).any() or (entry != wanted).any():
            return None
        return [j for j, _ in parts]

    def _weights(self, node: int, count: int) -> tuple[str, Affine, bool, int] | None:
        """(gates, logits, whether over the sum of the chosen, how many are chosen)."""
        logits = self.routed.softmax(node)
        if logits is not None:
            return "softmax", self.reader.read(logits, self.reader.last_axis(logits)), False, count
        placed = self._placed(node)
        if placed is None:
            return None
        line = self.structure.lines.get(placed)
        if line is None or line.law != "contraction":
            return None
        below, ranking = line.inputs
        weights, numbers = self._moved(below)
        found = self.routed.weights(weights)
        if found is None or not _in_order(numbers) or ranking != found.ranking:
            return None
        gates = self.routed.router(found)
        if gates is None:
            return None
        return *gates, found.shared, self.structure.network.nodes[ranking].shape[-2]

    def _placed(self, node: int) -> int | None:
        """Without what is 0 times something: the one other term of a sum."""
        line = self.structure.lines.get(node)
        while line is not None and line.law == "sum of lines":
            live = [j for j in line.inputs if not self._nothing(j)]
            if len(live) != 1:
                return None
            node, numbers = self._moved(live[0])
            if not _in_order(numbers):
                return None
            line = self.structure.lines.get(node)
        return node

    def _nothing(self, node: int) -> bool:
        """Whether a line is a constant 0, or such a one times another."""
        found: Any = self.structure.network.nodes[node]
        if isinstance(found.leaf, Constant):
            return not found.leaf.unknown and not any(found.leaf.table)
        return found.op is not None and found.op.law in ("product", *MOVES) and any(
            map(self._nothing, found.inputs))


def _in_order(numbers: Array) -> bool:
    return bool((numbers.reshape(-1) == np.arange(numbers.size)).all())
