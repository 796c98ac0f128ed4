"""Terms of polynomial fields whose degrees in groups of coordinates are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from symgauge.lie.monomials import Numbers, Terms


@dataclass(frozen=True)
class Bound:
    """The largest degree in a group of coordinates, over all components of a field.

    `exact`: the group may be scaled alone, so that a component of it has this degree (one less
    where no component is of the group), and every other component one less than those.
    """

    coordinates: frozenset[int]
    degree: int
    exact: bool


def terms_within(
    targets: Sequence[int], bounds: Sequence[Bound], most: int
) -> Terms | None:
    """All terms m(theta) d/d theta_k, k among the targets, within the bounds; None beyond `most`.

    Coordinates that no bound of a degree above 0 holds do not occur.
    """
    still = {j for b in bounds if not b.degree for j in b.coordinates}
    used = sorted({j for b in bounds for j in b.coordinates} - still)
    at: list[int] = []
    found: list[tuple[int, ...]] = []
    for k in targets:
        of_target = _Within(used, [_for(b, k, targets) for b in bounds])
        for m in of_target.monomials():
            at.append(k)
            found.append(m)
            if len(found) > most:
                return None
    degree = max(map(len, found), default=0)
    factors = np.array([(*m, *(-1,) * (degree - len(m))) for m in found], dtype=np.int64)
    return Terms(np.array(at, dtype=np.int64), factors.reshape(len(found), degree))


def _for(bound: Bound, target: int, targets: Sequence[int]) -> Bound:
    """The bound on one component."""
    moved = any(k in bound.coordinates for k in targets)
    less = bound.exact and moved and target not in bound.coordinates
    return Bound(bound.coordinates, bound.degree - less, bound.exact)


class _Within:
    """The monomials in some coordinates whose degrees are within bounds."""

    def __init__(self, used: Sequence[int], bounds: Sequence[Bound]) -> None:
        self._used = used
        self._of = [[i for i, b in enumerate(bounds) if j in b.coordinates] for j in used]
        self._left = [b.degree for b in bounds]
        self._exact = [b.exact for b in bounds]
        #: By coordinate: the exact bounds of which it is the last one.
        last = {i: n for n, own in enumerate(self._of) for i in own}
        self._last = [[i for i in own if self._exact[i] and last[i] == n]
                      for n, own in enumerate(self._of)]
        self._never = [i for i, b in enumerate(bounds) if b.exact and b.degree and i not in last]

    def monomials(self) -> Iterator[tuple[int, ...]]:
        """Each as its factors, with repetition."""
        if not self._never and min(self._left, default=0) >= 0:
            yield from self._from(0, ())

    def _from(self, n: int, have: tuple[int, ...]) -> Iterator[tuple[int, ...]]:
        if n == len(self._used):
            yield have
            return
        left, own = self._left, self._of[n]
        most = min(left[i] for i in own)
        ends = [left[i] for i in self._last[n]]
        least = max(ends, default=0)
        if least > most or any(e != least for e in ends):
            return
        for e in range(least, (least if ends else most) + 1):
            for i in own:
                left[i] -= e
            yield from self._from(n + 1, (*have, *(self._used[n],) * e))
            for i in own:
                left[i] += e


def by_weight(terms: Terms, labels: Numbers, p: int) -> Iterator[Terms]:
    """The terms of each weight of which every target has some, fewest first.

    `labels`: those of the coordinates (see `grading`), shape (2, P).
    """
    whole = np.concatenate([labels, np.zeros((len(labels), 1), np.int64)], axis=1)
    keys = ((whole[:, terms.factors].sum(axis=2) - whole[:, terms.targets]) % p).T
    _, number = np.unique(keys, axis=0, return_inverse=True)
    wanted, found = len(np.unique(terms.targets)), []
    for k in range(number.max(initial=-1) + 1):
        own = np.flatnonzero(number.reshape(-1) == k)
        if len(np.unique(terms.targets[own])) == wanted:
            found.append(Terms(terms.targets[own], terms.factors[own]))
    yield from sorted(found, key=lambda t: t.number)
