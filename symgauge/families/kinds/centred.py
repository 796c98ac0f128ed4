"""1 + u 1^T with 1 + 1^T u > 0: what fixes every vector of sum 0."""

from __future__ import annotations

from typing import Any

from symgauge.families.kind import (
    MatrixKind, Sparse, off_by, power, rounding, space, unit,
)


class _Centred(MatrixKind):
    word = "centred change of basis"
    forms = ("g", "g^-T")
    polynomial = (0, 1)
    parts = ("line",)
    algebra_parts = ("line",)
    preamble = ("g = 1 + u 1^T with 1 + 1^T u > 0",)
    fixes_sums_of_0 = True

    def basis(self, n: int) -> list[Sparse]:
        return [tuple(entry for j in range(n) for entry in unit(i, j)) for i in range(n)]

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        name = f"R_+ |x {space(n - 1)}"
        return name if copies == 1 else power(f"({name})", copies)

    def algebra(self, n: int, copies: int) -> str:
        if n < 3:
            return power("R" if n == 1 else "aff(1,R)", copies)
        name = f"R |x {space(n - 1)}"
        return name if copies == 1 else power(f"({name})", copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        u, ones = f"u{index}", r"\mathbf{1}^{\top}"
        return (
            rf"${g} = 1 + {u}\,{ones}$ with ${u} \in \mathbb{{R}}^{{{n}}}$ and "
            rf"$1 + {ones} {u} > 0$ (${g}\,z = z$ for every $z$ of sum 0)"
        )

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return rf", with ${a} = w{index}\,\mathbf{{1}}^{{\top}}$ and ${g} = \exp {a}$"

    def fault(self, value: Any, group: str) -> str | None:
        import numpy as np

        n = value.shape[-1]
        line = value - np.eye(n)
        u = line[..., :1]
        error = off_by((line - u) / max(1.0, abs(u).max()), n)
        if error:
            return f"it is not 1 + u 1^T: the columns of g - 1 differ by {error:.1e}"
        return None if (1 + u.sum(-2) > rounding(n)).all() else "1 + 1^T u is not positive"

    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        # u (1^T P) = 0, or 1 (u^T P) = 0
        return columns >= 1 or dual >= (1 if polynomial_of_one else n)


KIND = CENTRED = _Centred()
