"""How a line of a stream may still vary: dz = z A + c, A in a class of matrices."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Changes(Enum):
    """The changes A of a basis that are left."""

    NONE = auto()
    TURNS = auto()
    ALL = auto()


@dataclass(frozen=True)
class Bound:
    """dz = z A + c, A of these changes, `scale` a multiple of 1 besides; `shift`: c is free.

    `ones`: a "constant" or a "free" function times the vector 1. `projective`: z (z A z^T) too.
    """

    matrix: Changes = Changes.NONE
    scale: bool = False
    shift: bool = False
    ones: str = ""
    projective: bool = False
