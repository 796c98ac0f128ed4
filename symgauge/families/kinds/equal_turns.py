"""What commutes with rotations of pairs (k, k + n/2), where some pairs turn alike: GL(m, C) on m.

A rotary table with equal frequencies: pairs of one class are mixed by complex matrices, which are
[[A, -B], [B, A]] on the halves, A and B being 0 between classes.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from typing import Any

from symgauge.families.kind import (
    MatrixKind, Sparse, belongs, near_identity, off_by, power, rounding,
)

_CLASSES = re.compile(r"(0|[1-9][0-9]{0,5})(:(0|[1-9][0-9]{0,5}))*")


class EqualTurns(MatrixKind):
    """For the class of each pair, numbered in the order of their first pairs."""

    word = "change of basis of pairs that turn alike"
    forms = ("g", "g^-T")
    contains_scalars = commutes_with_turns = True

    def __init__(self, classes: tuple[int, ...]) -> None:
        self.classes = classes
        self.size = 2 * len(classes)  # type: ignore[misc]
        #: How many classes have so many pairs, the largest first.
        self.counts = sorted(Counter(Counter(classes).values()).items(), reverse=True)
        self.polynomial = (sum(2 * m * m * k for m, k in self.counts),)  # type: ignore[misc]
        numbers = ":".join(map(str, classes))
        self.parts = self.algebra_parts = (f"pairs[{numbers}]",)  # type: ignore[misc]
        self.abelian = len(set(classes)) == len(classes)  # type: ignore[misc]

    @property
    def name(self) -> str:
        return f"equal_turns[{':'.join(map(str, self.classes))}]"

    def basis(self, n: int) -> list[Sparse]:
        one, m = Fraction(1), len(self.classes)
        out: list[Sparse] = []
        for p, a in enumerate(self.classes):
            for q, b in enumerate(self.classes):
                if a == b:
                    out.append(((p, q, one), (p + m, q + m, one)))
                    out.append(((p, q + m, -one), (p + m, q, one)))
        return out

    def turns_with(self, pairs: str, alike: Sequence[int]) -> bool:
        same = {(a, b) for a, b in zip(self.classes, alike, strict=False)}
        return pairs == "halves" and len(alike) == len(self.classes) and (
            len(same) == len(set(self.classes)))

    def _named(self, name: str, join: str, copies: int) -> str:
        found = join.join(power(name.format(m), k) for m, k in self.counts)
        return found if copies == 1 else power(f"({found})" if join in found else found, copies)

    def group(self, n: int, copies: int, all_sizes: bool) -> str:
        return self._named("GL({},C)", " x ", copies)

    def algebra(self, n: int, copies: int) -> str:
        return self._named("gl({},C)", " + ", copies)

    def _latex(self, name: str, join: str) -> str:
        return join.join(
            rf"{name}({m},\mathbb{{C}})" + (f"^{{{k}}}" if k > 1 else "")
            for m, k in self.counts)

    def ranges(self, g: str, n: int, index: str, group: str) -> str:
        return belongs(g, self._latex(r"\mathrm{GL}", r" \times ")) + (
            " on the pairs that turn alike")

    def exponent(self, g: str, a: str, n: int, index: str) -> str:
        return near_identity(g, a, self._latex(r"\mathfrak{gl}", r" \oplus "))

    def fault(self, value: Any, group: str) -> str | None:
        import numpy as np

        m = len(self.classes)
        real, imaginary = value[..., :m, :m], value[..., m:, :m]
        again = np.concatenate([
            np.concatenate([real, -imaginary], -1), np.concatenate([imaginary, real], -1)], -2)
        apart = np.not_equal.outer(self.classes, self.classes)
        largest = abs(value).max() or 1
        error = off_by((value - again) / largest, 2 * m)
        if error:
            return f"it is no complex matrix on the pairs: entries differ by {error:.1e}"
        if apart.any() and off_by(np.stack([real, imaginary])[..., apart] / largest, 2 * m):
            return "it mixes pairs that turn differently"
        return None if (np.linalg.det(value) > rounding(2 * m) ** m).all() else "it is singular"

    def vanishes(self, columns: int, dual: int, n: int, polynomial_of_one: bool) -> bool:
        # A acts on the pairs of a class as a complex matrix, and a column is a complex vector there
        return max(columns, dual) >= self.counts[0][0]


@cache
def equal_turns(classes: tuple[int, ...]) -> EqualTurns:
    """The kind for the class of each pair."""
    return EqualTurns(classes)


def numbered(text: str) -> EqualTurns:
    """The kind whose name ends in [text]. Raises ValueError where it is no list of classes."""
    classes = tuple(int(k) for k in text.split(":")) if _CLASSES.fullmatch(text) else ()
    first = {c: i for i, c in enumerate(dict.fromkeys(classes))}
    if not classes or any(c != i for c, i in first.items()):
        raise ValueError(f"classes {text!r:.40}")
    return equal_turns(classes)


KIND = equal_turns((0, 0))
