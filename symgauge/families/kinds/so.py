"""SO(n): rotations."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symgauge.families.kind import (
    MatrixKind, Sparse, belongs, near_identity, not_orthogonal, power,
)


class _Rotations(MatrixKind):
    word = "rotation"
    forms = ("g", "g^-T")
    polynomial = (0, Fraction(-1, 2), Fraction(1, 2))
    parts = ("reflections",)
    algebra_parts = ("planes",)
    on_legs = covers_discrete = orthogonal = True

    def basis(self, n: int) -> list[Sparse]:
        one = Fraction(1)
        return [((i, j, one), (j, i, -one)) for i in range(n) for j in range(i + 1, n)]

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return power(f"SO({n})", copies)

    def algebra(self, n: int, copies: int) -> str:
        return power(f"so({n})", copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        return belongs(g, rf"\mathrm{{SO}}({n})")

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return near_identity(g, a, rf"\mathfrak{{so}}({n})")

    def fault(self, value: Any, group: str) -> str | None:
        return not_orthogonal(value)

    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        return columns + dual >= min(n - 1, 1 if polynomial_of_one else n)


KIND = SO = _Rotations()
