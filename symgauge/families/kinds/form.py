r"""Rotations of sum_k T_k x_k^2, T a vector of parameters that does not move: A = S diag(T).

S^T = -S, so A^T D + D A = 0 for D = diag(T): the algebra of SO(p, n - p) at each T, p the number of
its positive entries. As vector fields S diag(T) are closed under the bracket with coefficients that
depend on T alone: exp(S diag(T)) acts for each S, and no group of one n is named for all T.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symgauge.families.kind import MatrixKind, Sparse, power


class _OfForm(MatrixKind):
    word = "rotation of a quadratic form"
    polynomial = (0, Fraction(-1, 2), Fraction(1, 2))
    preamble = ("S^T = -S",)
    hollow = of_form = True

    def basis(self, n: int) -> list[Sparse]:
        one = Fraction(1)
        return [((i, j, one), (j, i, -one)) for i in range(n) for j in range(i + 1, n)]

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return power(f"SO(p,{n}-p)", copies)

    def algebra(self, n: int, copies: int) -> str:
        return power(f"so(p,{n}-p)", copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        raise ValueError("generators alone have no element")

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        raise ValueError("generators alone have no element")

    def fault(self, value: Any, group: str) -> str | None:
        return "no finite action is given"

    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        return columns >= n


KIND = FORM = _OfForm()
