"""The leaves of a program: parameters, inputs and exact constants."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import prod

from symgauge.program.array import Shape
from symgauge.program.constant import Constant


@dataclass(frozen=True)
class Parameter:
    """A named parameter tensor of the module, or that plus one number, in every entry.

    The coordinates are `added` + w for the module's w (`program.recentred`). With `of` they are
    values of the module's tensor of that name, as its own name says (`identities.in_values`).
    """

    name: str
    shape: Shape
    added: Fraction = Fraction(0)
    of: str = ""

    @property
    def size(self) -> int:
        """Number of coordinates."""
        return prod(self.shape)


@dataclass(frozen=True)
class Input:
    """An input tensor: indeterminates, or one-hot vectors over `classes` (tokens).

    The last axis of a one-hot input numbers the classes; which one is 1 ranges over all.
    """

    name: str
    shape: Shape
    classes: int = 0


Leaf = Parameter | Input | Constant
