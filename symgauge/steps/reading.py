"""Lines of a program as sums of maps of other lines, read entry by entry.

Every line that only moves entries is followed by the numbers of its entries: an array of the
line's shape that says which entry of which line stands where. That two lines are the same, that a
matrix is a parameter or its transpose, that a parameter is added to every row, are comparisons of
such arrays. Nothing of the index spaces, laws and sums that the sweep reads is used here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network, Node
from symgauge.steps.unread import Unread
from symgauge.steps.widths import Axis, Widths

Numbers = npt.NDArray[np.int64]
#: Entries of a line above which it is not numbered.
MOST = 1 << 22
#: Summands above which a sum is not read.
MOST_TERMS = 200


@dataclass(frozen=True)
class Map:
    """A parameter that a line is multiplied by: a matrix, as it is or turned, or a diagonal."""

    node: int
    diagonal: bool
    turned: bool
    ins: Axis
    outs: Axis


Maps = tuple[Map, ...]


@dataclass(frozen=True)
class Term:
    """A line that is no sum, and the maps behind it."""

    base: int
    maps: Maps


@dataclass(frozen=True)
class Bias:
    """A parameter that is added to every row, and the maps behind it; `table`: one for each row."""

    node: int
    table: bool
    maps: Maps
    axis: Axis


@dataclass(frozen=True)
class Form:
    """A line as a sum: rows times features, the features being the last axis."""

    node: int
    axis: Axis
    terms: tuple[Term, ...]
    biases: tuple[Bias, ...]
    #: Whether a constant is added.
    constant: bool


class Reader:
    """Readings of one program, each line once."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.widths = Widths()
        #: The axes of lines that sums begin with; averages set their own.
        self.axes: dict[int, Axis] = {}
        #: Lines whose entries averages order otherwise: {line: entries of a row}.
        self.rows: dict[int, Numbers] = {}
        #: Reads averages, which say how their entries are ordered.
        self.average_at: Callable[[int], object] = lambda i: None
        self._forms: dict[int, Form] = {}
        self._sources: dict[int, tuple[int, Numbers]] = {}
        self.live = _live(network)
        self._users: dict[int, list[int]] = {}
        for i in sorted(self.live):
            for j in dict.fromkeys(network.nodes[i].inputs):
                self._users.setdefault(j, []).append(i)

    def node(self, i: int) -> Node:
        """A line."""
        return self.network.nodes[i]

    def law(self, i: int) -> str:
        """The law of a line's op; "" for a leaf."""
        op = self.node(i).op
        return "" if op is None else op.law

    def source(self, i: int) -> tuple[int, Numbers]:
        """What a line moves, and which of its entries stands where."""
        if i not in self._sources:
            self._sources[i] = self._followed(i)
        return self._sources[i]

    def _followed(self, i: int) -> tuple[int, Numbers]:
        node = self.node(i)
        if prod(node.shape) > MOST:
            raise Unread(f"line v{i} has too many entries to be numbered")
        law, attrs = self.law(i), node.attrs
        if law in ("reshape", "permutation", "repetition"):
            below, numbers = self.source(node.inputs[0])
            if law == "reshape":
                return below, numbers.reshape(node.shape)
            if law == "permutation" and "dims" in attrs:
                return below, numbers.transpose(attrs["dims"])
            if law == "repetition" and numbers.ndim == len(node.shape):
                return below, np.broadcast_to(numbers, node.shape)
            raise Unread(f"line v{i} moves entries in a way that is not followed")
        return i, np.arange(prod(node.shape)).reshape(node.shape)

    def same(self, i: int) -> int | None:
        """The line whose entries these are, in the same order; None where they are moved."""
        below, numbers = self.source(i)
        return below if _is_range(numbers, self.node(below)) else None

    def parameter(self, i: int) -> tuple[int, Numbers] | None:
        """The parameter that a line moves, and its entries."""
        below, numbers = self.source(i)
        return (below, numbers) if isinstance(self.node(below).leaf, Parameter) else None

    # -- sums ------------------------------------------------------------------------------------

    def read(self, i: int) -> Form:
        """A line as a sum. Raises Unread."""
        if i not in self._forms:
            # of a line that another is, in the same order, the reading names this one
            self._forms[i] = replace(self._read(i), node=i)
        return self._forms[i]

    def _read(self, i: int) -> Form:
        node = self.node(i)
        if self.network.is_constant[i]:
            return Form(i, self.widths.fresh(node.shape[-1]), (), (), True)
        found = self.parameter(i)
        if found is not None:
            return self._bias(i, *found)
        below = self._unmoved(i)
        law, line = self.law(below), self.node(below)
        if law == "sum of lines":
            return self._sum(below)
        if law == "multiple" and line.attrs["factor"] != 0:
            return self.read(line.inputs[0])
        if law == "contraction":
            made = self._matrix(below)
            if made is not None:
                return made
        if law == "product":
            made = self._diagonal(below)
            if made is not None:
                return made
        return Form(below, self._axis(below), (Term(below, ()),), (), False)

    def _unmoved(self, i: int) -> int:
        """The line that this is, rows and features in order, or entries that averages order."""
        below, numbers = self.source(i)
        shape = self.node(i).shape
        if _is_range(numbers, self.node(below)) and shape[-1] == self.node(below).shape[-1]:
            return below
        if self.law(below) == "contraction" and below not in self.rows:
            self.average_at(below)
        order = self.rows.get(below)
        if order is not None and order.shape == numbers.reshape(-1, shape[-1]).shape and (
                np.sort(order, 1) == np.sort(numbers.reshape(order.shape), 1)).all():
            return below
        raise Unread(f"line v{i} orders the entries of v{below} otherwise")

    def _axis(self, i: int) -> Axis:
        if i not in self.axes:
            self.axes[i] = self.widths.fresh(self.node(i).shape[-1])
        return self.axes[i]

    def begins_with(self, i: int, axis: Axis) -> None:
        """A line that sums begin with has this axis, and so has a sum that is read already."""
        self.widths.meet(self.axes.setdefault(i, axis), axis)

    def _bias(self, i: int, below: int, numbers: Numbers) -> Form:
        shape, own = self.node(i).shape, self.node(below).shape
        rows = numbers.reshape(-1, shape[-1])
        size = prod(own)
        if size == shape[-1] and (rows == np.arange(size)).all():
            axis = self.widths.new((below, len(own) - 1), size)
            return Form(i, axis, (), (Bias(below, False, (), axis),), False)
        if len(own) == 2 and own[1] == shape[-1] and (
                rows.reshape(-1) == np.arange(size)).all() and rows.size == size:
            axis = self.widths.new((below, 1), own[1])
            self.widths.new((below, 0), own[0])
            return Form(i, axis, (), (Bias(below, True, (), axis),), False)
        raise Unread(f"line v{i} is a parameter that is added in a way that is not read")

    def _sum(self, i: int) -> Form:
        forms = [self.read(j) for j in self.node(i).inputs]
        for f in forms:
            self.widths.meet(forms[0].axis, f.axis)
        terms = tuple(t for f in forms for t in f.terms)
        biases = tuple(b for f in forms for b in f.biases)
        if len(terms) > MOST_TERMS:
            raise Unread(f"line v{i} is a sum of too many lines")
        if len({t for t in terms}) < len(terms) or len({*biases}) < len(biases):
            raise Unread(f"in the sum v{i} a line stands twice")
        return Form(i, forms[0].axis, terms, biases, any(f.constant for f in forms))

    def _matrix(self, i: int) -> Form | None:
        """x W or x W^T, W a parameter of two axes."""
        x, w = self.node(i).inputs
        found = self.parameter(w)
        if found is None or self.network.is_constant[x]:
            return None
        p, numbers = found
        own = self.node(p).shape
        if len(own) != 2 or numbers.ndim != 2 or numbers.size != prod(own):
            raise Unread(f"the matrix of v{i} is a part of a parameter, or one of several axes")
        plain = np.arange(prod(own)).reshape(own)
        turned = not (numbers.shape == own and (numbers == plain).all())
        if turned and not (numbers.shape == own[::-1] and (numbers == plain.T).all()):
            raise Unread(f"the matrix of v{i} is a parameter in another order")
        rows, columns = (self.widths.new((p, k), own[k]) for k in (0, 1))
        ins, outs = (columns, rows) if turned else (rows, columns)
        below = self.read(x)
        self.widths.meet(below.axis, ins)
        return _followed_by(i, below, Map(p, False, turned, ins, outs), outs)

    def _diagonal(self, i: int) -> Form | None:
        """A parameter, the same for all rows, times a line."""
        for k in (0, 1):
            g, x = (self.node(i).inputs[j] for j in (k, 1 - k))
            found = self.parameter(g)
            if found is None or self.network.is_constant[x] or self.parameter(x) is not None:
                continue
            p, numbers = found
            n = self.node(i).shape[-1]
            rows = numbers.reshape(-1, n)
            if prod(self.node(p).shape) != n or not (rows == np.arange(n)).all():
                raise Unread(f"the factor of v{i} is a parameter in another order")
            axis = self.widths.new((p, len(self.node(p).shape) - 1), n)
            below = self.read(x)
            self.widths.meet(below.axis, axis)
            return _followed_by(i, below, Map(p, True, False, axis, axis), axis)
        return None

    def uses(self, parameter: int) -> int:
        """How many lines read a parameter, moves followed."""
        total, stack = 0, [parameter]
        while stack:
            j = stack.pop()
            total += self.network.outputs.count(j)
            for k in self._users.get(j, ()):
                if self.law(k) in ("reshape", "permutation", "repetition"):
                    stack.append(k)
                else:
                    total += self.node(k).inputs.count(j)
        return total

    def is_list(self, i: int) -> bool:
        """Whether the rows of a line are a plain list."""
        return sum(n > 1 for n in self.node(i).shape[:-1]) == 1

    def input(self, i: int) -> Input | None:
        """The input that a line is."""
        leaf = self.node(i).leaf
        return leaf if isinstance(leaf, Input) else None


def _followed_by(i: int, below: Form, by: Map, axis: Axis) -> Form:
    return Form(
        i, axis, tuple(Term(t.base, (*t.maps, by)) for t in below.terms),
        tuple(Bias(b.node, b.table, (*b.maps, by), b.axis) for b in below.biases), below.constant)


def _is_range(numbers: Numbers, node: Node) -> bool:
    return numbers.size == prod(node.shape) and bool(
        (numbers.reshape(-1) == np.arange(numbers.size)).all())


def _live(network: Network) -> set[int]:
    """The lines that an output needs."""
    found: set[int] = set()
    stack: list[Any] = list(network.outputs)
    while stack:
        i = stack.pop()
        if i not in found:
            found.add(i)
            stack += network.nodes[i].inputs
    return found
