"""Axes of copies, such as heads: where a program has them, alone or side by side."""

from __future__ import annotations

from functools import cached_property

from symgauge.spaces.structure import Structure


class Heads:
    """The copies of one program."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure

    @cached_property
    def copies(self) -> frozenset[int]:
        """Legs of parameters that products run over as an axis of copies."""
        found, owned = set(), set()
        for i in self.structure.names:
            if i in self.structure.lines:
                owned |= {leg for _, (leg, _) in self.structure.addresses(i)}
        for i, line in self.structure.lines.items():
            if line.law == "contraction":
                for axis in range(len(line.shape) - 2):
                    found |= {leg for leg, _ in self.structure.leaves(i, axis)}
        return frozenset(self.structure.legs.find(leg)[0] for leg in found & owned)

    def axes_of_copies(self, i: int) -> list[tuple[int, bool]]:
        """The axes of a line with an index of copies, and whether it is alone there."""
        out = []
        for axis in range(len(self.structure.axes[i])):
            legs = self.structure.leaves(i, axis)
            if any(self.structure.legs.find(leg)[0] in self.copies for leg, _ in legs):
                out.append((axis, len(legs) == 1))
        return out

    def has_head(self, i: int) -> bool:
        """Whether a line has an axis of heads."""
        return any(alone for _, alone in self.axes_of_copies(i))

    def joins_heads(self, i: int) -> bool:
        """Whether heads stand side by side on an axis of a line."""
        return any(not alone for _, alone in self.axes_of_copies(i))

    def matrix_axes(self, i: int) -> list[int]:
        """The axes that a formula shows: neither of copies nor of length 1."""
        hidden = {axis for axis, alone in self.axes_of_copies(i) if alone}
        shape = self.structure.network.nodes[i].shape
        return [a for a, n in enumerate(shape) if n > 1 and a not in hidden]

    def stands_on(self, i: int) -> bool:
        """Whether an axis of a line, or a part of one, numbers copies."""
        return any(
            self.structure.legs.find(leg)[0] in self.copies
            for _, (leg, _) in self.structure.addresses(i))
