"""Which formal terms are analytic at every real point, and which are positive there.

Two analytic functions that are equal on an open set are equal everywhere. Steps, roots of squares
and quotients that have poles are not analytic at every point: two such may be equal on an open set
alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

Key = tuple[Any, ...]


class TermSigns:
    """Asked of terms by their numbers; False where it is not seen.

    keys: what each term is, its parts before it.
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = keys
        self._analytic: list[bool] = []
        #: Positive at every real point where it is defined.
        self._positive: list[bool] = []

    def analytic(self, term: int) -> bool:
        """Analytic at every real point."""
        for key in self._keys[len(self._analytic):term + 1]:
            analytic, positive = _RULES.get(key[0], (_never, _never))
            found = analytic(self, key), positive(self, key)
            self._analytic.append(found[0])
            self._positive.append(found[1])
        return self._analytic[term]

    def of_analytic(self, key: Key) -> bool:
        """Of a function that is analytic everywhere."""
        return self._analytic[key[1]]

    def of_positive(self, key: Key) -> bool:
        """Of a function that is analytic where its argument is positive."""
        return self._analytic[key[1]] and self._positive[key[1]]

    def sum_is_analytic(self, key: Key) -> bool:
        """If all its parts are."""
        return all(self._analytic[t] for t, _ in key[1])

    def product_is_analytic(self, key: Key) -> bool:
        """If all its factors are, and what is below the line is positive."""
        return all(self._analytic[t] and (k > 0 or self._positive[t]) for t, k in key[1])

    def sum_is_positive(self, key: Key) -> bool:
        """If no part is negative and one is positive."""
        return any(self._positive[t] for t, _ in key[1]) and all(
            c > 0 and self._is_not_negative(t) for t, c in key[1])

    def product_is_positive(self, key: Key) -> bool:
        """If all its factors are."""
        return all(self._positive[t] for t, _ in key[1])

    def _is_not_negative(self, term: int) -> bool:
        key = self._keys[term]
        factors = key[1] if key[0] == "product" else ((term, 1),)
        return all(k % 2 == 0 or self._positive[t] for t, k in factors)


def _always(signs: TermSigns, key: Key) -> bool:
    return True


def _never(signs: TermSigns, key: Key) -> bool:
    return False


_Rule = Callable[[TermSigns, Key], bool]
#: By the kind of a term: whether it is analytic, whether it is positive. Of others neither is seen.
_RULES: dict[str, tuple[_Rule, _Rule]] = {
    "one": (_always, _always), "symbol": (_always, _never),
    "sum": (TermSigns.sum_is_analytic, TermSigns.sum_is_positive),
    "product": (TermSigns.product_is_analytic, TermSigns.product_is_positive),
    "exp": (TermSigns.of_analytic, _always), "erf": (TermSigns.of_analytic, _never),
    "erf_slope": (TermSigns.of_analytic, _always),
    "sin": (TermSigns.of_analytic, _never), "cos": (TermSigns.of_analytic, _never),
    "atan": (TermSigns.of_analytic, _never),
    "rsqrt": (TermSigns.of_positive, _always), "log": (TermSigns.of_positive, _never),
}
