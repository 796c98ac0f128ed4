"""n numbers c that are added: b -> b + k c; b + k T c and b + k c / T where T does not move."""

from __future__ import annotations

from typing import Any

from symgauge.families.kind import Kind, belongs, space


class _Shift(Kind):
    word = "shift"
    forms = ("+c", "+Tc", "+c/T")
    polynomial = (0, 1)
    parts = ("shift",)
    algebra_parts = ("shift",)
    letters = ("c", "c")
    is_shift = abelian = True

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return space(n * copies)

    def algebra(self, n: int, copies: int) -> str:
        return space(n * copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        return belongs(g, rf"\mathbb{{R}}^{{{n}}}")

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return ""

    def fault(self, value: Any, group: str) -> str | None:
        return None


KIND = SHIFT = _Shift()
