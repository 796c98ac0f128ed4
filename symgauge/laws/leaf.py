"""Parameters and inputs: what the variations start from."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from symgauge.laws.law import Law
from symgauge.program.leaf import Input
from symgauge.spaces.facts import Facts, View
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Leaf(Law):
    """A parameter varies as the family says, an input does not; tokens are one-hot rows."""

    name = "leaf"
    words = ("as the family says",) * 3

    def totals(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        leaf = structure.network.nodes[line.node].leaf
        return {len(line.shape) - 1: 1} if isinstance(leaf, Input) and leaf.classes else {}

    def view(self, structure: Structure, line: Line, views: Mapping[int, View]) -> View | None:
        if line.node not in structure.names:
            return None
        return View(line.node, {a: a for a, _ in structure.addresses(line.node)}, Fraction(1))
