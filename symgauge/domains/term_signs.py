"""Which formal terms are analytic at every real point, and which are positive there.

Two analytic functions that are equal on an open set are equal everywhere. Steps, roots of squares
and quotients that have poles are not analytic at every point: two such may be equal on an open set
alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Key = tuple[Any, ...]

#: Analytic wherever their argument is; the second where it is positive as well.
ENTIRE, OF_POSITIVE = ("exp", "erf", "erf_slope", "sin", "cos"), ("rsqrt", "log")


class TermSigns:
    """Asked of terms by their numbers; False where it is not seen.

    keys: what each term is, its parts before it.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys
        self._analytic: list[bool] = []
        self._positive: list[bool] = []

    def analytic(self, term: int) -> bool:
        """Analytic at every real point."""
        for key in self._keys[len(self._analytic):term + 1]:
            self._analytic.append(self._is_analytic(key))
            self._positive.append(self._is_positive(key))
        return self._analytic[term]

    def _is_analytic(self, key: Key) -> bool:
        name, known = key[0], self._analytic
        if name == "sum":
            return all(known[t] for t, _ in key[1])
        if name == "product":
            return all(known[t] and (k > 0 or self._positive[t]) for t, k in key[1])
        if name in OF_POSITIVE:
            return known[key[1]] and self._positive[key[1]]
        return name in ("one", "symbol") or (name in ENTIRE and known[key[1]])

    def _is_positive(self, key: Key) -> bool:
        """Positive at every real point where it is defined."""
        name, known = key[0], self._positive
        if name == "sum":
            return any(known[t] for t, _ in key[1]) and all(
                c > 0 and self._is_not_negative(t) for t, c in key[1])
        if name == "product":
            return all(known[t] for t, _ in key[1])
        return name in ("one", "exp", "rsqrt", "erf_slope")

    def _is_not_negative(self, term: int) -> bool:
        key = self._keys[term]
        factors = key[1] if key[0] == "product" else ((term, 1),)
        return all(k % 2 == 0 or self._positive[t] for t, k in factors)
