"""The leaves of a program: parameters, inputs and exact constants."""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from symgauge.program.array import Shape
from symgauge.program.constant import Constant


@dataclass(frozen=True)
class Parameter:
    """A named parameter tensor of the module. `read` marks the coordinates that an output reads."""

    name: str
    shape: Shape

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
