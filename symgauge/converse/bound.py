"""How a line may still vary: z A + c, A in a class of matrices, plus anything times 1."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto


class Matrices(Enum):
    """The class of the matrix A."""

    ZERO = auto()
    ROTATIONS = auto()
    ALL = auto()


@dataclass(frozen=True)
class Bound:
    """dz = z A + c + phi 1.

    `matrix`: the class of A, rotations of the complement of 1 where `ones` says so. `scale`:
    multiples of 1 besides. `shift`: whether c may be anything (else 0). `ones`: "" nothing,
    "constant" a constant times 1, "free" any function times 1. `projective`: z (z A z^T) may be
    added, until units below have excluded it.
    """

    matrix: Matrices = Matrices.ZERO
    scale: bool = False
    shift: bool = False
    ones: str = ""
    projective: bool = False
