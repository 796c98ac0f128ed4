"""The rotations that fix the vector of ones: SO(n - 1)."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symgauge.families.kind import (
    MatrixKind, Sparse, near_identity, not_orthogonal, off_by, power,
)


class _RotationsFixingOnes(MatrixKind):
    word = "rotation"
    forms = ("g", "g^-T")
    polynomial = (1, Fraction(-3, 2), Fraction(1, 2))
    parts = ("reflections that fix ones",)
    algebra_parts = ("planes that fix ones",)
    on_legs = covers_discrete = orthogonal = fixes_ones = True

    def basis(self, n: int) -> list[Sparse]:
        # u v^T - v u^T with u = e_i - e_last, v = e_j - e_last
        one, last = Fraction(1), n - 1
        return [
            (
                (i, j, one), (j, i, -one), (i, last, -one), (last, i, one),
                (last, j, -one), (j, last, one),
            )
            for i in range(last) for j in range(i + 1, last)
        ]

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return power(f"SO({n - 1})", copies)

    def algebra(self, n: int, copies: int) -> str:
        return power(f"so({n - 1})", copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        return (
            rf"${g} \in \mathrm{{SO}}({n - 1})$ fixing the vector of ones in $\mathbb{{R}}^{{{n}}}$"
        )

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return near_identity(g, a, rf"\mathfrak{{so}}({n}),\ {a}\,\mathbf{{1}} = 0")

    def fault(self, value: Any, group: str) -> str | None:
        n = value.shape[-1]
        moved = off_by(value.sum(-1) - 1, n)
        return not_orthogonal(value) or (f"g 1 is not 1: it differs by {moved:.1e}" if moved
                                         else None)

    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        return columns + dual >= min(n - 1, 1 if polynomial_of_one else n)


KIND = SO1 = _RotationsFixingOnes()
