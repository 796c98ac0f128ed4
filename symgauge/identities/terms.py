"""Lines as sums of rational multiples of lines that are no sums."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from fractions import Fraction
from math import prod

from symgauge.program.build import Builder
from symgauge.program.constant import Constant
from symgauge.program.network import Node
from symgauge.program.op import NodeOp, Structural
from symgauge.program.writer import Value

#: What is linear in each of its inputs.
LINEAR = ("product", "contraction", "sum")

#: Lines with their multiples, sorted; a number that is added is a multiple of line -1, the last.
Form = tuple[tuple[int, Fraction], ...]


class Terms:
    """Lines of a program under construction as sums of rational multiples of lines.

    Each line is taken apart once: layers read a stream many times, each through the one before.
    """

    def __init__(self, build: Builder) -> None:
        self.build = build
        self._known: dict[int, list[tuple[Fraction, Value]]] = {}

    def of(self, argument: Value) -> dict[int, Fraction]:
        """The line's terms; sums over an axis stay whole."""
        out: dict[int, Fraction] = defaultdict(Fraction)
        for c, value in self._summands(argument):
            out[value.index] += c
        return {base: c for base, c in out.items() if c}

    def form(self, x: Value) -> Form:
        """The terms, numbers together; empty for a number alone."""
        found, total = dict[int, Fraction](), Fraction(0)
        for i, c in self.of(x).items():
            value = number(lambda k: self.build.node(self.build.value(k)), i)
            if value is None:
                found[i] = c
            else:
                total += c * value
        whole = tuple(sorted(found.items()))
        return (*whole, (-1, total)) if whole and total else whole

    def _summands(self, value: Value) -> list[tuple[Fraction, Value]]:
        known = self._known.get(value.index)
        if known is None:
            known = self._known[value.index] = self._apart(value)
        return known

    def _apart(self, value: Value) -> list[tuple[Fraction, Value]]:
        build, node = self.build, self.build.node(value)
        if node.op is None:
            return [(Fraction(1), value)]
        inputs = [build.value(i) for i in node.inputs]
        if node.op.law == "sum of lines":
            return [term for x in inputs for term in self._summands(x)]
        if node.op.law == "multiple":
            factor = Fraction(node.attrs["factor"])
            return [(factor * c, x) for c, x in self._summands(inputs[0])]
        if isinstance(node.op, Structural) and len(inputs) == 1:
            inner = self._summands(inputs[0])
            if len(inner) > 1 or inner[0][0] != 1:
                return [(c, build.apply(node.op.name, x, **node.attrs)) for c, x in inner]
            return [(Fraction(1), value)]
        return [self._factored(node, inputs) or (Fraction(1), value)]

    def _factored(self, node: Node, inputs: Sequence[Value]) -> tuple[Fraction, Value] | None:
        """A rational factor of what is linear in each input, or a power of its input; the rest."""
        assert isinstance(node.op, NodeOp)
        degree = Fraction(1)
        if node.op.law == "homogeneous":
            degree = node.op.degree_at(**node.attrs)
        elif node.op.law not in LINEAR:
            return None
        inner = [self._summands(x) for x in inputs]
        if degree.denominator > 1 or any(len(x) > 1 for x in inner):
            return None
        factor = prod(x[0][0] for x in inner)
        if factor == 1 or (
                factor < 0 and node.op.law == "homogeneous" and "exponent" not in node.attrs):
            return None
        rest = self.build.apply(node.op.name, *(x[0][1] for x in inner), **node.attrs)
        return Fraction(factor) ** int(degree), rest


def number(node_of: Callable[[int], Node], index: int) -> Fraction | None:
    """The number that every entry of a line is, where it is a constant of one."""
    node = node_of(index)
    while isinstance(node.op, Structural) and len(node.inputs) == 1:
        node = node_of(node.inputs[0])
    if not isinstance(node.leaf, Constant) or node.leaf.unknown or len(set(node.leaf.table)) != 1:
        return None
    return node.leaf.table[0]


def leading(parts: Form) -> tuple[Fraction, Form]:
    """The factor of the first term, and the form less it: what multiples have in common."""
    lead = parts[0][1]
    return lead, tuple((i, c / lead) for i, c in parts)
