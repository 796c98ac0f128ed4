"""Generators alone: no finite action is stated."""

from __future__ import annotations

from typing import Any

from symgauge.families.kind import Kind, space

#: What is printed of generators that have no flow in closed form, before them.
NONE = "generator alone, no finite action in closed form"


class _Generators(Kind):
    word = "generator"
    polynomial = (0, 1)

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return space(n * copies)

    def algebra(self, n: int, copies: int) -> str:
        return space(n * copies)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        raise ValueError("generators alone have no element")

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        raise ValueError("generators alone have no element")

    def fault(self, value: Any, group: str) -> str | None:
        return "no finite action is given"


KIND = GENERATORS = _Generators()
