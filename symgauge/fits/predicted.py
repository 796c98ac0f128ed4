"""Sizes that a fit has not seen: predicted, then certified."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import product
from math import prod

from symgauge.fits.polynomial import Point, Polynomial
from symgauge.fits.search import SETTLED, Search

#: Predictions, and fresh sizes among which the cheapest is chosen.
FRESH, MANY = 2, 64


@dataclass(frozen=True)
class Prediction:
    """A size that the fit has not seen."""

    at: Point
    predicted: Fraction
    found: int

    @property
    def holds(self) -> bool:
        """Whether the certificate has the predicted redundancy."""
        return self.predicted == self.found


def predicted(
    search: Search, ranges: Sequence[Sequence[int]], polynomial: Polynomial
) -> tuple[Prediction, ...]:
    """Fresh sizes, certified after they were predicted, with as many entries changed as can be.

    The cheapest of these and, unless time is short, one of middle cost, of those that cost no more
    than what was certified; others where these cannot be certified, then sizes above all that were
    looked at.
    """
    def changed(p: Point) -> int:
        return sum(x != y for x, y in zip(p, search.start, strict=True))

    left = [p for p in _fresh(search, ranges) if p not in search.known]
    left.sort(key=lambda p: (-changed(p), search.cost(p)))
    closed = max(search.cost(p) for p, m in search.known.items() if m is not None and m.certified)
    most = [p for p in left if changed(p) == changed(left[0]) and search.cost(p) <= closed]
    found: list[Prediction] = []
    middle = [] if search.late(SETTLED) else most[len(most) // 2:len(most) // 2 + 1]
    for p in dict.fromkeys([*left[:1], *middle, *left, *_above(search, ranges)]):
        if len(found) == FRESH:
            break
        value = search.at(p, 1.0)
        if value is not None:
            found.append(Prediction(p, polynomial(p), value))
    return tuple(found)


def _fresh(search: Search, ranges: Sequence[Sequence[int]]) -> list[Point]:
    """All sizes in the ranges; where these are many, some that change as many entries as can be."""
    if prod(map(len, ranges)) <= MANY:
        return list(product(*ranges))
    others = [
        sorted((v for v in r if v != here), key=lambda v: (abs(v - here), v)) or [here]
        for r, here in zip(ranges, search.start, strict=True)]
    if prod(map(len, others)) > MANY * MANY:
        others = [values[:2] for values in others]
    changed = list(product(*others))
    return changed[::-(-len(changed) // MANY)]


def _above(search: Search, ranges: Sequence[Sequence[int]]) -> Iterator[Point]:
    """Sizes just above the greatest value of a range, one entry changed.

    What ended the range was looked at: a bound, or a size without a certificate. Of a size that
    stays as it is the polynomial says nothing.
    """
    for i, values in enumerate(ranges):
        for k in range(1, FRESH + 1 if len(values) > 1 else 0):
            point = search.moved({i: values[-1] + k * (values[-1] - values[-2])})
            if point in search.known:
                break
            yield point
