"""GL(n): any invertible matrix."""

from __future__ import annotations

from typing import Any

from symgauge.families.kind import (
    MatrixKind, Sparse, belongs, near_identity, power, unit,
)


class _GeneralLinear(MatrixKind):
    word = "change of basis"
    forms = ("g", "g^-T")
    polynomial = (0, 0, 1)
    parts = ("reflections", "numbers", "reflections")
    algebra_parts = ("lines", "numbers")
    on_legs = covers_discrete = contains_scalars = True

    def basis(self, n: int) -> list[Sparse]:
        return [unit(i, j) for i in range(n) for j in range(n)]

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return power(f"GL({n})" if all_sizes else f"GL+({n})", copies)

    def algebra(self, n: int, copies: int) -> str:
        return power(f"gl({n},R)", copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        positive = "^{+}" if group.startswith("GL+") else ""
        return belongs(g, rf"\mathrm{{GL}}{positive}({n})")

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return near_identity(g, a, rf"\mathfrak{{gl}}({n})")

    def fault(self, value: Any, group: str) -> str | None:
        import numpy as np

        sign, _ = np.linalg.slogdet(value)
        if not sign.all():
            return "it is singular"
        if group.startswith("GL+") and not (sign > 0).all():
            return f"its determinant is negative, and the group that is shown to act is {group}"
        return None

    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        return max(columns, dual) >= (1 if polynomial_of_one else n)


KIND = GL = _GeneralLinear()
