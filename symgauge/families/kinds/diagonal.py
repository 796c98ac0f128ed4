"""n positive numbers s: w -> s^k w; log s may be added."""

from __future__ import annotations

from typing import Any

from symgauge.families.kind import Kind, belongs, near_identity, space


class _Scaling(Kind):
    word = "rescaling"
    forms = ("s^k", "+c", "+Tc")
    polynomial = (0, 1)
    parts = ("scale",)
    algebra_parts = ("scale",)
    letters = ("s", "t")
    is_scaling = abelian = True

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return space(n * copies, "R_+")

    def algebra(self, n: int, copies: int) -> str:
        return space(n * copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        return belongs(g, rf"\mathbb{{R}}_{{>0}}^{{{n}}}")

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return near_identity(g, a, rf"\mathbb{{R}}^{{{n}}}")

    def fault(self, value: Any, group: str) -> str | None:
        return None if (value > 0).all() else "its numbers are not all positive"


KIND = SCALING = _Scaling()
