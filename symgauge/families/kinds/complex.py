"""GL(1, C): a + b J on the plane, J the quarter turn; what commutes with a generic rotation."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from symgauge.families.kind import MatrixKind, Sparse, belongs, near_identity, off_by, power


class _Complex(MatrixKind):
    word = "rotation and scaling"
    forms = ("g", "g^-T")
    polynomial = (2,)
    size = 2
    parts = ("reflections", "one number", "reflections")
    algebra_parts = ("planes", "one number")
    on_legs = covers_discrete = contains_scalars = True
    commutes_with_turns = abelian = True

    def basis(self, n: int) -> list[Sparse]:
        one = Fraction(1)
        if n != 2:
            return []
        return [((0, 0, one), (1, 1, one)), ((0, 1, -one), (1, 0, one))]

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return power("GL(1,C)", copies)

    def algebra(self, n: int, copies: int) -> str:
        return power("gl(1,C)", copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        return belongs(g, r"\mathrm{GL}(1,\mathbb{C})")

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return near_identity(g, a, r"\mathfrak{gl}(1,\mathbb{C})")

    def fault(self, value: Any, group: str) -> str | None:
        a, b = value[..., 0, :], value[..., 1, ::-1] * [1, -1]
        error = off_by((a - b) / (abs(a).max() or 1), 2)
        if error:
            return f"it is not a + b J: entries differ by {error:.1e}"
        return None if a.any(-1).all() else "it is 0"

    def turns_with(self, pairs: str, alike: Sequence[int]) -> bool:
        return True  # it acts on single pairs

    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        return columns + dual >= 1


KIND = COMPLEX = _Complex()
