"""A program in other coordinates: fixed vectors that multiply or are added are part of parameters.

Behind fixed statistics, y = g (W x + b - m) r + c with vectors m and r of numbers. In g' = r g and
b' = b - m, or c' = c - m g' where there is no b, the program is y = g' (W x + b') + c'. What a
family is there, it is here in these coordinates: they are changed, it acts, they are changed back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal

from symgauge.program.constant import Constant
from symgauge.program.leaf import Parameter
from symgauge.program.network import Network, Node
from symgauge.program.op import NodeOp
from symgauge.program.shown import before, moves, shown

Vector = tuple[Fraction, ...]


@dataclass(frozen=True)
class Change:
    """w' = n w ("s^k"), w + n ("+c") or w + n T ("+T*c") of a vector w, entry by entry."""

    parameter: str
    form: Literal["s^k", "+c", "+T*c"]
    numbers: Vector
    #: T, as it is after the changes before.
    source: str | None = None


@dataclass(frozen=True)
class Absorbed:
    """The program in these coordinates, line by line the same, and their changes in order."""

    network: Network
    changes: tuple[Change, ...]


def absorbed(network: Network) -> Absorbed:
    """The program in which fixed vectors are part of parameters, as far as these are read so alone.

    Constants without values stay.
    """
    writer = _Writer(network)
    for law, absorb in (("product", writer.factor), ("sum of lines", writer.summand)):
        for i, node in enumerate(network.nodes):
            if node.op is not None and node.op.law == law:
                for x, c in (node.inputs, node.inputs[::-1]):
                    if network.is_constant[c] and not network.is_constant[x]:
                        absorb(i, x, c)
    return Absorbed(replace(network, nodes=tuple(writer.nodes)), tuple(writer.changes))


@dataclass(frozen=True)
class _Vector:
    """A parameter of one axis that one line alone reads, and the axis of that line that it is."""

    name: str
    axis: int


class _Writer:
    def __init__(self, network: Network) -> None:
        self.network = network
        self.nodes = list(network.nodes)
        self.changes: list[Change] = []
        same = network.ops["reshape"]
        assert isinstance(same, NodeOp)
        self._same = same
        self._gone: set[int] = set()

    def factor(self, i: int, x: int, c: int) -> None:
        """x c where a gain multiplies next, or x is multiplied by one."""
        behind = self._reader(i)
        beside = [] if behind is None else [(behind, i)]
        beside += [(x, j) for j in self.nodes[x].inputs] if self._reader(x) == i else []
        for line, other in beside:
            gain = self._beside(line, other, "product")
            numbers = None if gain is None else self._numbers(c, gain.axis)
            if gain is not None and numbers is not None and all(numbers):
                self._absorb(i, x, Change(gain.name, "s^k", numbers))
                return

    def summand(self, i: int, x: int, c: int) -> None:
        """x + c where x is a sum with a bias, or a bias is added to it behind one gain or none."""
        for j in self.nodes[x].inputs if self._reader(x) == i else ():
            bias = self._beside(x, j, "sum of lines")
            numbers = None if bias is None else self._numbers(c, bias.axis)
            if bias is not None and numbers is not None and any(numbers):
                self._absorb(i, x, Change(bias.name, "+c", numbers))
                return
        found = self._bias_behind(i)
        numbers = None if found is None else self._numbers(c, found[0].axis)
        if found is not None and numbers is not None and any(numbers):
            bias, gain = found
            self._absorb(i, x, Change(bias.name, "+c", numbers) if gain is None else Change(
                bias.name, "+T*c", numbers, gain.name))

    def _absorb(self, i: int, x: int, change: Change) -> None:
        """The line is its summand, or its factor, now."""
        shape = self.nodes[i].shape
        self.nodes[i] = Node(self._same, (x,), {"size": shape}, shape)
        self._gone.add(i)
        self.changes.append(change)

    def _bias_behind(self, i: int) -> tuple[_Vector, _Vector | None] | None:
        """The bias that is added behind a line, and the gain that multiplies on the way."""
        gain = None
        while (line := self._reader(i)) is not None:
            bias = self._beside(line, i, "sum of lines")
            if bias is not None:
                return None if gain is not None and gain.axis != bias.axis else (bias, gain)
            factor = self._beside(line, i, "product")
            if line not in self._gone and (factor is None or gain is not None):
                return None
            i, gain = line, factor or gain
        return None

    def _reader(self, i: int) -> int | None:
        """The one line that reads a line which is no output."""
        readers = self.network.readers[i]
        return readers[0] if len(readers) == 1 and i not in self.network.outputs else None

    def _beside(self, line: int, i: int, law: str) -> _Vector | None:
        """The vector of parameters beside an input of a line of this law, which reads it alone."""
        node = self.nodes[line]
        if node.op is None or node.op.law != law or len(set(node.inputs)) != 2:
            return None
        (other,) = (j for j in node.inputs if j != i)
        leaf = self._alone(other, line)
        if leaf is None or len(leaf.shape) != 1 or self.nodes[other].shape != node.shape:
            return None
        axes = range(len(node.shape))
        return next((
            _Vector(leaf.name, a) for a in axes if shown(self.network, other, a) is not None), None)

    def _alone(self, i: int, line: int) -> Parameter | None:
        """The parameter that a line alone shows to another alone."""
        while self._reader(i) == line:
            node = self.nodes[i]
            if node.op is None:
                return node.leaf if isinstance(node.leaf, Parameter) else None
            if not moves(node):
                return None
            (i,), line = node.inputs, i
        return None

    def _numbers(self, i: int, axis: int) -> Vector | None:
        """The numbers of a constant that varies along one axis at most; None where it has none."""
        n, factor = self.nodes[i].shape[axis], Fraction(1)
        along: int | None = axis
        while (node := self.network.nodes[i]).op is not None:
            if node.op.law == "multiple":
                factor *= Fraction(node.attrs["factor"])
            elif moves(node):
                along = None if along is None else before(self.network, node, along)
            else:
                return None
            (i,) = node.inputs
        leaf = node.leaf
        if not isinstance(leaf, Constant) or leaf.unknown:
            return None
        if len(leaf.table) == 1:
            return (factor * leaf.table[0],) * n
        if along is None or leaf.index.size != n or leaf.shape[along] != n:
            return None
        return tuple(factor * leaf.table[k] for k in leaf.index.reshape(-1).tolist())
