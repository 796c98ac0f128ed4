"""Lines that only move, repeat or restrict entries, followed down to what they move."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from symgauge.program.constant import Constant
from symgauge.program.leaf import Input, Parameter
from symgauge.program.moves import Address
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure

#: Laws of lines that hold each entry of their input, moved or repeated.
MOVES = ("reshape", "permutation", "repetition")


@dataclass(frozen=True)
class View:
    """What a line moves, and where each of its leaves comes from; None for a repeated one."""

    node: int
    at: Mapping[Address, Address | None]

    def of(self, addresses: Iterable[Address]) -> tuple[Address, ...]:
        """Where these leaves come from, repeated ones left out."""
        found = ((self.at[a[:2]], a[2:]) for a in addresses)
        return tuple((*a, *rest) for a, rest in found if a is not None)


def number_of(structure: Structure, node: int) -> Fraction | None:
    """The one number of a constant line, below moves; None where it has several or none is known.
    """
    nodes = structure.network.nodes
    while (op := nodes[node].op) is not None:
        if op.law not in MOVES:
            return None
        node = nodes[node].inputs[0]
    leaf = nodes[node].leaf
    if isinstance(leaf, Constant) and not leaf.unknown and len(leaf.table) == 1:
        return leaf.table[0]
    return None


class Views:
    """The views of one program, each followed once."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self._known: dict[int, View] = {}

    def of(self, node: int) -> View:
        """What a line shows."""
        if node not in self._known:
            self._known[node] = self._followed(node)
        return self._known[node]

    def _followed(self, node: int) -> View:
        own = {a: a for a in self.structure.top(node)}
        line = self.structure.lines.get(node)
        if line is None or line.law not in MOVES:
            return View(node, own)
        step = self.move(line)
        if step is None:
            return View(node, own)
        below = self.of(line.inputs[0])
        at = {a: None if b is None else below.at[b] for a, b in step.items()}
        return View(below.node, at)

    def move(self, line: Line) -> dict[Address, Address | None] | None:
        """Where the leaves of one moving line come from; None where index spaces are mixed."""
        source = line.inputs[0]
        step: dict[Address, Address | None] = dict.fromkeys(self.structure.top(line.node))
        try:
            for a in self.structure.top(source):
                to = self.structure.move(line, 0, a)
                if to not in step:
                    return None
                step[to] = a
        except NoLemma:
            return None
        return step

    def cut(self, line: Line) -> dict[Address, Address] | None:
        """Where the leaves of a slice come from: summands of an axis are among the input's."""
        step: dict[Address, Address] = {}
        try:
            for a, _ in self.structure.addresses(line.inputs[0]):
                to = self.structure.move(line, 0, a)
                if to is not None and to not in step:
                    step[to] = a
        except NoLemma:
            return None
        return step if set(self.structure.top(line.node)) <= set(step) else None

    def repeats_rows(self, line: Line, times: int) -> bool:
        """Whether a product of matrices is the rows of its second factor, each so many times."""
        nodes, (marks, source) = self.structure.network.nodes, line.inputs
        shape = nodes[marks].shape
        while (op := nodes[marks].op) is not None and op.law == MOVES[0]:
            marks = nodes[marks].inputs[0]
        leaf = nodes[marks].leaf
        if len(shape) != 2 or self.structure.fixed[source] or not isinstance(
                leaf, Constant) or leaf.unknown:
            return False
        table = leaf.floats().reshape(shape)
        return np.array_equal(table, np.repeat(np.eye(shape[1]), times, axis=0))

    def parameter(self, node: int) -> View | None:
        """The view, where it is of a parameter."""
        view = self.of(node)
        leaf = self.structure.network.nodes[view.node].leaf
        return view if isinstance(leaf, Parameter) else None

    def input(self, node: int) -> Input | None:
        """The input that a line is, if it is one."""
        leaf = self.structure.network.nodes[node].leaf
        return leaf if isinstance(leaf, Input) else None
