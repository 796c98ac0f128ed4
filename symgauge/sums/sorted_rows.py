r"""Rows that are sorted, treated one by one and put back: they are treated in the order they had.

Grouped products of matrices are written so: rows x_i that want the matrix of c_i are sorted by c,
P x, each group of P x meets its matrix, and P^T puts the rows of the value back. What treats rows
one by one commutes with P: P^T g(P x, P e(c)) = g(x, e(c)), e(c) the rows of a single 1 at c_i.

Read off the program: P ranks -c, all of them; the group of a sorted row r is the number of classes
that end at or before r, which end at the sums of how often each class is there; the transpose is
the rows of a single 1 at the place of each row in P. Where a line is spelled otherwise it stays.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.network import Network, Node
from symgauge.program.op import NodeOp

HALF = Fraction(1, 2)
#: Laws of lines, and of those that act entry by entry.
ADD, MUL, MATMUL, SCALE, SUM, STEP, RANKING, MARKS, RESHAPE, EXPAND = (
    "sum of lines", "product", "contraction", "multiple", "sum", "sign", "order",
    "locally constant", "reshape", "repetition")
ENTRYWISE = ("general", "homogeneous", SCALE, MUL, ADD)


def in_order(network: Network) -> Network:
    """The program without the sorting: as many lines, in the same places."""
    nodes = list(network.nodes)
    for i, node in enumerate(network.nodes):
        found = _Sorted(network, i).found() if _law(node) == MATMUL else None
        for j, source in (found or {}).items():
            nodes[j] = _same(network, source, nodes[j].shape)
    return network if nodes == list(network.nodes) else replace(network, nodes=tuple(nodes))


def _same(network: Network, source: int, shape: tuple[int, ...]) -> Node:
    """The entries of a line in another shape."""
    op = network.ops["reshape"]
    assert isinstance(op, NodeOp)
    return Node(op, (source,), {"size": shape}, shape)


def _law(node: Node) -> str:
    return "" if node.op is None else node.op.law


def _one_hot(node: Node) -> bool:
    """Whether a line is the rows of a single 1 at integers."""
    return node.op is not None and _law(node) == MARKS and node.op.picks


@dataclass(frozen=True)
class _Sorting:
    """P, one row for each entry of the integers c, and the one-hot rows that c marks."""

    p: int
    c: int
    rows: int


class _Sorted:
    """Whether one product of matrices puts sorted rows back."""

    def __init__(self, network: Network, back: int) -> None:
        self.network, self.back = network, back
        self.nodes = network.nodes

    def found(self) -> dict[int, int] | None:
        """The lines that are others without the sorting, and which; None where there is none."""
        left, value = self.nodes[self.back].inputs
        sorting = self._transpose(left)
        if sorting is None:
            return None
        out, inside, stack = {self.back: value}, {self.back}, [value]
        while stack:
            i = stack.pop()
            if i in inside or i in out:
                continue
            source = self._frontier(i, sorting)
            if source is not None:
                out[i] = source
            elif self._by_row(i, sorting):
                inside.add(i)
                stack += [j for j in self.nodes[i].inputs if self._needs(j, sorting.p)]
            else:
                return None
        # what stays in its order must not read what loses its own
        for i in (set(out) | inside) - {self.back}:
            if not set(self.network.readers[i]) <= inside or i in self.network.outputs:
                return None
        return out

    # -- what lines are ---------------------------------------------------------------------------

    def _through(self, i: int) -> int:
        """Below reshapes, which keep the entries' order."""
        while (op := self.nodes[i].op) is not None and op.law == RESHAPE:
            i = self.nodes[i].inputs[0]
        return i

    def _is(self, i: int, law: str) -> tuple[int, ...] | None:
        """The inputs of a line, below reshapes, where it has this law."""
        i = self._through(i)
        return self.nodes[i].inputs if _law(self.nodes[i]) == law else None

    def _constant(self, i: int) -> Array | None:
        leaf = self.nodes[self._through(i)].leaf
        if not isinstance(leaf, Constant) or leaf.unknown:
            return None
        return np.array(leaf.table, dtype=object)[leaf.index].reshape(self.nodes[i].shape)

    def _negative(self, i: int) -> int | None:
        """x, of a line -x."""
        found = self._is(i, SCALE)
        if found is None or self.nodes[self._through(i)].attrs["factor"] != -1:
            return None
        return self._through(found[0])

    def _across(self, i: int, axis: int) -> int | None:
        """What a line repeats along one axis of two alone, its other axis as it is."""
        node = self.nodes[i]
        if node.op is None or node.op.law != EXPAND:
            return None
        (j,) = node.inputs
        wanted = tuple(1 if a == axis else n for a, n in enumerate(node.shape))
        return j if self.nodes[j].shape == wanted else None

    def _needs(self, i: int, p: int) -> bool:
        """Whether a line reads P."""
        stack, met = [i], set[int]()
        while stack:
            j = stack.pop()
            if j == p:
                return True
            if j > p and j not in met:
                met.add(j)
                stack += self.nodes[j].inputs
        return False

    def _sorting(self, p: int) -> _Sorting | None:
        """P, where a line ranks -c of c that one-hot rows mark, all entries of it."""
        node = self.nodes[p]
        if _law(node) != RANKING or len(node.shape) != 2 or (
                node.shape[0] != node.shape[1]):
            return None
        c = self._negative(node.inputs[0])
        marked = None if c is None else self._is(c, MARKS)
        if c is None or marked is None or tuple(self.nodes[c].attrs.get("table", ())) != tuple(
                range(self.nodes[marked[0]].shape[-1])):
            return None
        return _Sorting(p, c, marked[0])

    def _is_sorted(self, i: int, s: _Sorting) -> bool:
        """P c, or -(P (-c)): the integers in rising order."""
        inner = self._negative(i)
        product = None if inner is None else self._is(inner, MATMUL)
        return product is not None and product[0] == s.p and self._negative(product[1]) == s.c

    # -- sorted rows ------------------------------------------------------------------------------

    def _frontier(self, i: int, s: _Sorting) -> int | None:
        """The line that is one of sorted rows without the sorting."""
        node = self.nodes[i]
        if _law(node) == MATMUL and node.inputs[0] == s.p and len(node.shape) == 2:
            return node.inputs[1]
        if _one_hot(node) and node.attrs["count"] == self.nodes[s.rows].shape[-1] and (
                self._is_sorted(node.inputs[0], s) or self._group(node.inputs[0], s)):
            return s.rows
        return None

    def _group(self, i: int, s: _Sorting) -> bool:
        """The number of classes that end at or before row r: sum_e step(r + 1/2 - end_e)."""
        n, classes = self.nodes[s.p].shape[0], self.nodes[s.rows].shape[-1]
        total = self._is(i, SUM)
        if total is None or tuple(self.nodes[self._through(i)].attrs["axes"]) != (1,):
            return False
        ended = self._is(total[0], STEP)
        if ended is None:
            return False
        terms = self._is(ended[0], ADD)
        if terms is None or self.nodes[self._through(ended[0])].shape != (n, classes):
            return False
        at, end = (self._across(j, axis) for j, axis in zip(terms, (1, 0), strict=True))
        if at is None or end is None:
            return False
        places, ends = self._constant(at), self._negative(end)
        if places is None or ends is None or list(places.reshape(-1)) != [
                r + HALF for r in range(n)]:
            return False
        return self._ends(ends, s, classes)

    def _ends(self, i: int, s: _Sorting, classes: int) -> bool:
        """The sums of how often each class and those before it are there."""
        product = self._is(i, MATMUL)
        below = None if product is None else self._constant(product[1])
        if product is None or below is None or below.shape != (classes, classes) or (
                below != np.triu(np.ones((classes, classes), int))).any():
            return False
        count = self._is(product[0], SUM)
        if count is None or tuple(self.nodes[self._through(product[0])].attrs["axes"]) != (0,):
            return False
        marks = self.nodes[count[0]]
        return _one_hot(marks) and len(marks.shape) == 2 and (
            self._is_sorted(marks.inputs[0], s) or self._through(marks.inputs[0]) == s.c)

    # -- and back ---------------------------------------------------------------------------------

    def _transpose(self, i: int) -> _Sorting | None:
        """P^T: rows of a single 1 at (0, 1, ..., n - 1) P."""
        node = self.nodes[i]
        if not _one_hot(node) or len(node.shape) != 2 or (
                node.shape[0] != node.shape[1]):
            return None
        place = self._from_the_end(node.inputs[0])
        for j in self._written(place):
            product = self._is(j, MATMUL)
            s = None if product is None else self._sorting(product[1])
            first = None if product is None else self._constant(product[0])
            if s is not None and first is not None and list(first.reshape(-1)) == list(
                    range(self.nodes[s.p].shape[0])) and (
                    self._only(place, j, s)):
                return s
        return None

    def _from_the_end(self, i: int) -> int:
        """x of x + n step(-x - 1/2): places below 0 count from the end, and none is."""
        terms = self._is(i, ADD)
        for x, other in (terms, terms[::-1]) if terms else ():
            scaled = self._is(other, SCALE)
            below = None if scaled is None else self._is(scaled[0], STEP)
            inner = None if below is None else self._is(below[0], ADD)
            for y, half in (inner, inner[::-1]) if inner else ():
                if self._negative(y) == self._through(x) and self._number(half) == -HALF:
                    return x
        return i

    def _number(self, i: int) -> Fraction | None:
        """The one number that a line repeats."""
        while (op := self.nodes[i].op) is not None and op.law in (RESHAPE, EXPAND):
            i = self.nodes[i].inputs[0]
        leaf = self.nodes[i].leaf
        if not isinstance(leaf, Constant) or leaf.unknown:
            return None
        values = {leaf.table[k] for k in leaf.index.reshape(-1)}
        return values.pop() if len(values) == 1 else None

    def _written(self, i: int) -> Iterator[int]:
        """A line, and where it is a sum the terms of it."""
        yield i
        yield from self._is(i, ADD) or ()

    def _only(self, place: int, j: int, s: _Sorting) -> bool:
        """Whether a line is that term: the other one stands where no row of P has a 1."""
        if self._through(place) == self._through(j):
            return True
        terms = self._is(place, ADD) or ()
        others = [t for t in terms if t != j]
        return len(terms) == 2 and len(others) == 1 and any(
            self._missed(f, s) for f in self._is(others[0], MUL) or ())

    def _missed(self, i: int, s: _Sorting) -> bool:
        """1 - the sums of P's columns: 0."""
        terms = self._is(i, ADD)
        for x, one in (terms, terms[::-1]) if terms else ():
            total = self._negative(x)
            if total is not None and self._number(one) == 1 and self._is(total, SUM) == (
                    s.p,) and tuple(self.nodes[total].attrs["axes"]) == (0,):
                return True
        return False

    def _by_row(self, i: int, s: _Sorting) -> bool:
        """Whether row r of a line is made of the rows r of its inputs that read P, alike for all r.
        """
        node, n = self.nodes[i], self.nodes[s.p].shape[0]
        if node.op is None or not node.shape or node.shape[0] != n:
            return False
        moved = [j for j in node.inputs if self._needs(j, s.p)]
        if any(self.nodes[j].shape[:1] != (n,) for j in moved):
            return False
        if _law(node) == MATMUL:
            return moved == [node.inputs[0]] if len(node.shape) == 2 else len(moved) == 2
        if node.op.law == RESHAPE:
            return True
        if node.op.law == EXPAND:
            return self.nodes[moved[0]].shape[0] == n
        if node.op.law == "part":
            return bool(node.attrs["axis"] != 0)
        if node.op.law == "permutation":
            return bool(node.attrs["dims"][0] == 0)
        if node.op.law == SUM:
            return 0 not in node.attrs["axes"]
        return node.op.law in ENTRYWISE and all(
            j in moved and self.nodes[j].shape == node.shape or self._number(j) is not None
            for j in node.inputs)
