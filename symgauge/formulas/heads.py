"""Axes of copies, such as heads: where a program has them, alone or side by side."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property, partial

from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure

#: How a part is taken: the axis, start and stop.
Part = tuple[int, int, int]


class Heads:
    """The copies of one program."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        #: What is asked again for every formula, by line.
        self._copied: dict[int, list[tuple[int, bool]]] = {}
        self._shown: dict[int, list[int]] = {}

    @cached_property
    def _beside(self) -> frozenset[int]:
        """Legs that products run over in axes in front of their matrices."""
        return frozenset(
            self.structure.legs.find(leg)[0]
            for i, line in self.structure.lines.items() if line.law == "contraction"
            for axis in range(len(line.shape) - 2) for leg, _ in self.structure.leaves(i, axis))

    @cached_property
    def copies(self) -> frozenset[int]:
        """Those of parameters: an axis of copies; none where two are met at once, as h is one."""
        owned = {
            self.structure.legs.find(leg)[0]
            for i in self.structure.names if i in self.structure.lines
            for _, (leg, _) in self.structure.addresses(i)}
        found = frozenset(self._beside & owned)
        return frozenset() if any(map(partial(self._met_at_once, found), self._contractions)) else (
            found)

    @cached_property
    def _contractions(self) -> list[tuple[int, Line]]:
        lines = self.structure.lines.items()
        return [(i, line) for i, line in lines if line.law == "contraction"]

    def _met_at_once(self, copies: frozenset[int], at: tuple[int, Line]) -> bool:
        """Whether a product sums over copies for each of other copies."""
        i, line = at
        last = len(line.shape) - 1
        return line.inputs[0] in self.structure.lines and bool(
            copies & self._roots(line.inputs[0], last)) and any(
                copies & self._roots(i, axis) for axis in range(last - 1))

    def _roots(self, i: int, axis: int) -> set[int]:
        return {self.structure.legs.find(leg)[0] for leg, _ in self.structure.leaves(i, axis)}

    @cached_property
    def batch(self) -> frozenset[int]:
        """Those of inputs alone, which no product has as rows or columns of a matrix."""
        inside = set()
        for i, line in self.structure.lines.items():
            for j in (i, *line.inputs) if line.law == "contraction" else ():
                rank = len(self.structure.axes[j])
                for axis in range(max(rank - 2, 0), rank):
                    legs = self.structure.leaves(j, axis)
                    inside |= {self.structure.legs.find(x)[0] for x, _ in legs if len(legs) == 1}
        return self._beside - self.copies - inside

    def axes_of_copies(self, i: int) -> list[tuple[int, bool]]:
        """The axes of a line with an index of copies, and whether nothing but indices of copies
        and of a batch is there."""
        if i not in self._copied:
            legs = [{self.structure.legs.find(x)[0] for x, _ in self.structure.leaves(i, axis)}
                    for axis in range(len(self.structure.axes[i]))]
            self._copied[i] = [
                (axis, found <= self._apart) for axis, found in enumerate(legs)
                if self.copies & found]
        return self._copied[i]

    @cached_property
    def _apart(self) -> frozenset[int]:
        """Those of copies and of a batch."""
        return self.copies | self.batch

    def is_batch(self, i: int, axis: int) -> bool:
        """Whether an axis of a line has indices of a batch alone."""
        legs = {self.structure.legs.find(x)[0] for x, _ in self.structure.leaves(i, axis)}
        return bool(legs) and legs <= self.batch

    def shares(self) -> bool:
        """Whether copies of one thing are repeated for several of another: groups of heads."""
        return any(
            self.has_head(line.inputs[0]) and len(self.axes_of_copies(i)) > len(
                self.axes_of_copies(line.inputs[0]))
            for i, line in self.structure.lines.items() if line.law == "repetition")

    def has_head(self, i: int) -> bool:
        """Whether a line has an axis of heads."""
        return any(alone for _, alone in self.axes_of_copies(i))

    def joins_heads(self, i: int) -> bool:
        """Whether heads stand side by side on an axis of a line."""
        return any(not alone for _, alone in self.axes_of_copies(i))

    def matrix_axes(self, i: int) -> list[int]:
        """The axes that a formula shows: neither of copies, nor of a batch, nor of length 1."""
        if i not in self._shown:
            hidden = {axis for axis, alone in self.axes_of_copies(i) if alone}
            shape = self.structure.network.nodes[i].shape
            self._shown[i] = [
                a for a, n in enumerate(shape)
                if n > 1 and a not in hidden and not self.is_batch(i, a)]
        return self._shown[i]

    def stands_on(self, i: int) -> bool:
        """Whether an axis of a line, or a part of one, numbers copies."""
        return any(
            self.structure.legs.find(leg)[0] in self.copies
            for _, (leg, _) in self.structure.addresses(i))

    def has_other_rows(self, j: int, every: bool) -> bool:
        """Whether a line is a view with other rows, or `every` axis, than what it shows."""
        i, nodes = j, self.structure.network.nodes
        while self.keeps_order(i):
            i = self.structure.lines[i].inputs[0]
        if i == j or self.axes_of_copies(i) or self.axes_of_copies(j) or any(
                self.is_batch(k, a) for k in (i, j) for a in range(len(nodes[k].shape))):
            return False  # what is written is the part of one head, of one of a batch
        before, after = ([nodes[k].shape[a] for a in self.matrix_axes(k)]
                         for k in (i, j))
        return before != after if every else before[-1:] != after[-1:]

    def keeps_order(self, i: int) -> bool:
        """Whether a line is a reshape, or moves none of the axes that a formula shows."""
        line = self.structure.lines.get(i)
        if line is None or line.law not in ("reshape", "permutation"):
            return False
        return line.law == "reshape" or (order := self.order(line)) == sorted(order)

    def order(self, line: Line) -> list[int]:
        """The shown axes of what a line permutes, in their new order."""
        j = line.inputs[0]
        shown = self.matrix_axes(j) if j in self.structure.lines else []
        return [d for d in line.attrs["dims"] if d in shown]

    def has_joined_rows(self, line: Line) -> bool:
        """Whether a view makes rows of vectors that were joined end to end."""
        j, nodes, lines = line.inputs[0], self.structure.network.nodes, self.structure.lines
        if j not in lines or lines[j].law != "join":
            return False
        given = {nodes[k].shape[-1] for k in lines[j].inputs}
        rank = len(nodes[j].shape)
        return lines[j].attrs["axis"] == rank - 1 and len(line.shape) > rank and given == {
            line.shape[-1]}

    def places(self, j: int, axes: Sequence[int]) -> str:
        """Axes by their numbers among those that a formula shows, from 0 on; h: of copies."""
        shown = self.matrix_axes(j)
        return ",".join(str(shown.index(a)) if a in shown else "h" for a in axes)

    def copied(self, line: Line) -> tuple[str, int, int] | None:
        """Whether a view has copies side by side, or each entry several times: of which line."""
        j, nodes = line.inputs[0], self.structure.network.nodes
        repeated = self.structure.lines.get(j)
        if repeated is None or repeated.law != "repetition":
            return None
        there, before = repeated.shape, nodes[repeated.inputs[0]].shape
        same = len(before) == len(there)
        fresh = [a for a, n in enumerate(before) if n < there[a]] if same else []
        for name, step in (("tile", 1), ("each", -1)):
            pair = {a + k for a in fresh for k in (0, step)}
            if len(fresh) == 1 and pair <= set(self.matrix_axes(j)):
                joined = [n * (there[fresh[0]] if a - step in fresh else 1)
                          for a, n in enumerate(there) if a not in fresh]
                if [n for n in joined if n > 1] == [n for n in line.shape if n > 1]:
                    return name, there[fresh[0]], repeated.inputs[0]
        return None

    def repeats(self, j: int, line: Line, axis: int) -> bool:
        """Whether a view repeats its input along an axis, so that all parts of it are alike."""
        here, there = line.shape, self.structure.network.nodes[j].shape
        before = axis - (len(here) - len(there))
        return line.law == "repetition" and (before < 0 or there[before] < here[axis])

    def same_axis(self, j: int, i: int, part: Part) -> Part | None:
        """The part in the input of a view: of its last axis, where that is the last here too."""
        here, there = (self.structure.network.nodes[k].shape for k in (i, j))
        if part[0] != len(here) - 1 or not there or there[-1] != here[-1]:
            return None
        return len(there) - 1, part[1], part[2]
