"""Constants in formulas: numbers, and tables with numbers of their own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from symgauge.formulas.terms import ATOM, Term
from symgauge.ops.expand import Expand
from symgauge.ops.reshape import Reshape
from symgauge.ops.scale import Scale
from symgauge.program.constant import Constant
from symgauge.program.network import Node


class Constants:
    """Those of one program; tables are numbered as they are met."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._nodes = nodes
        #: The number of each table, by its line.
        self.tables: dict[int, int] = {}

    def term(self, i: int) -> Term:
        """A number for all entries, or a table; a view of one is not written, as elsewhere."""
        node = self._nodes[i]
        if isinstance(node.leaf, Constant) and len(node.leaf.table) == 1 and not node.leaf.unknown:
            return Term("", ATOM, Fraction(node.leaf.table[0]))
        if isinstance(node.op, Reshape | Expand):
            return self.term(node.inputs[0])
        if isinstance(node.op, Scale):
            inner = self.term(node.inputs[0])
            return replace(inner, factor=inner.factor * node.attrs["factor"])
        return self.table(i)

    def table(self, i: int) -> Term:
        """A table by its number."""
        return Term(f"C_{{{self.tables.setdefault(i, len(self.tables) + 1)}}}")
