"""What fixes the basis vectors outside a range: 1 + U E^T, E the basis vectors of the range.

A change of basis of a flow's state that no start can tell from 1: where entries of the state start
at 0, only what acts on those entries moves nothing (augmented neural ODEs; E. Dupont, A. Doucet,
Y. W. Teh, Augmented Neural ODEs, NeurIPS 2019).
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from symgauge.families.kind import (
    MatrixKind, Sparse, off_by, power, rounding, space, unit,
)

_RANGE = re.compile(r"(0|[1-9][0-9]*):([1-9][0-9]*)")


def _vectors(start: int, stop: int) -> str:
    """The vectors of a range in words."""
    return f"vector {start}" if stop == start + 1 else f"vectors {start} to {stop - 1}"


class Fixing(MatrixKind):
    """For the range from `start` to before `stop` of the basis."""

    word = "change of basis at fixed starts"
    forms = ("g", "g^-T")

    def __init__(self, start: int, stop: int) -> None:
        self.start, self.stop = start, stop
        self.polynomial = (0, stop - start)  # type: ignore[misc]
        part = f"columns[{start}:{stop}]"
        self.parts = self.algebra_parts = (part,)  # type: ignore[misc]
        self.preamble = (  # type: ignore[misc]
            f"g = 1 + U E^T, E the basis {_vectors(start, stop)}, det g > 0",)

    @property
    def name(self) -> str:
        return f"fixing[{self.start}:{self.stop}]"

    @property
    def moved(self) -> int:
        """How many basis vectors move."""
        return self.stop - self.start

    def basis(self, n: int) -> list[Sparse]:
        return [unit(i, j) for i in range(n) for j in range(self.start, self.stop)]

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        still = n - self.moved
        if not still:
            return power(f"GL+({n})", copies)
        name = f"R_+ |x {space(still)}" if self.moved == 1 else (
            f"GL+({self.moved}) |x {power(f'(R^{self.moved})', still)}")
        return name if copies == 1 else power(f"({name})", copies)

    def algebra(self, n: int, copies: int) -> str:
        still = n - self.moved
        if not still:
            return power(f"gl({n},R)", copies)
        if still == 1:
            return power(f"aff({self.moved},R)", copies)
        name = f"R |x {space(still)}" if self.moved == 1 else (
            f"gl({self.moved},R) |x {power(f'(R^{self.moved})', still)}")
        return name if copies == 1 else power(f"({name})", copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        return (
            rf"${g} = 1 + U{index} E^{{\top}}$ with $U{index} \in "
            rf"\mathbb{{R}}^{{{n} \times {self.moved}}}$, $E$ the "
            rf"basis {_vectors(self.start, self.stop)} and $\det {g} > 0$ "
            rf"(${g}\,e_j = e_j$ for all others)"
        )

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return rf", with ${a} = V{index} E^{{\top}}$ and ${g} = \exp {a}$ near the identity"

    def fault(self, value: Any, group: str) -> str | None:
        import numpy as np

        n = value.shape[-1]
        still = [j for j in range(n) if not self.start <= j < self.stop]
        moved = value[..., still] - np.eye(n)[:, still]
        error = off_by(moved, n) if still else 0.0
        if error:
            return f"it moves basis vectors that a start can have: by {error:.1e}"
        return None if (np.linalg.det(value) > rounding(n)).all() else (
            "its determinant is not positive")

    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        # M E^T P = 0, or Q M = 0
        return columns >= self.moved or dual >= n


@cache
def fixing(start: int, stop: int) -> Fixing:
    """The kind for a range of the basis."""
    return Fixing(start, stop)


def numbered(text: str) -> Fixing:
    """The kind whose name ends in [text]. Raises ValueError where it is no range."""
    found = _RANGE.fullmatch(text)
    start, stop = (int(found[1]), int(found[2])) if found else (0, 0)
    if not start < stop <= 1 << 20:
        raise ValueError(f"range {text!r:.40}")
    return fixing(start, stop)


KIND = fixing(0, 1)
