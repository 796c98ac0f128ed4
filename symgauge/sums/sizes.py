"""Dimensions as polynomials in the sizes of legs, and the inequalities under which they hold."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sympy import Integer, Symbol, expand, sstr

from symgauge.program.legs import Ref
from symgauge.program.moves import Address
from symgauge.spaces.structure import Structure

#: A polynomial in the sizes of legs.
Size = Any


@dataclass(frozen=True)
class Condition:
    """`less` <= `more`, polynomials in sizes: a side condition of a fact, and why it is asked."""

    less: Size
    more: Size
    why: str

    def holds(self, sizes: Sizes) -> bool:
        """Whether it holds at the sizes of the program."""
        return sizes.value(self.less) <= sizes.value(self.more)

    @property
    def trivial(self) -> bool:
        """Whether it holds at all sizes, because the difference is a constant."""
        rest = expand(self.more - self.less)
        return bool(rest.is_Integer and rest >= 0)

    @property
    def text(self) -> str:
        """The inequality as it is printed."""
        return f"{sstr(self.less)} <= {sstr(self.more)}"


class Sizes:
    """The sizes of the legs of one program as symbols, n_k for the leg of root k."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self._values: dict[Any, int] = {}
        self.legs: dict[Any, int] = {}

    def leg(self, leg: int) -> Size:
        """The symbol of a leg; of one that is made of different legs their sum."""
        root = self.structure.legs.find(leg)[0]
        parts = self.structure.parts(root)
        if len({self.structure.legs.find(k)[0] for k, _ in parts}) > 1:
            return sum((self._product(part) for part in parts), Integer(0))
        symbol = Symbol(f"n_{root}", positive=True, integer=True)
        self._values[symbol] = self.structure.size(root)
        self.legs[symbol] = root
        return symbol

    def _product(self, part: Ref) -> Size:
        total: Size = Integer(1)
        for leg, _ in self.structure.part_leaves(part):
            total = total * self.leg(leg)
        return total

    def of(self, node: int, addresses: Iterable[Address]) -> Size:
        """The number of indices at some leaves of a line, all together."""
        total: Size = Integer(1)
        for a in addresses:
            total = total * self.leg(self.structure.leg_at(node, a))
        return total

    def parameter(self, node: int) -> Size:
        """The number of coordinates of a parameter."""
        return self.of(node, self.structure.top(node))

    def value(self, size: Size) -> int:
        """A polynomial at the sizes of the program."""
        return int(Integer(size) if isinstance(size, int) else size.xreplace(self._values))
