"""Certificates at several sizes, the polynomial through their redundancies, two fresh predictions.

On a line through the start each size gets its range and its degree, pairs of sizes whether they
meet in one monomial; further sizes settle the coefficients with some to spare; ranges grow while
the polynomial holds; then two sizes that the fit has not seen are predicted, derived and compared.
A bound between sizes (d_k <= d) ends a range: what is beyond it has a fit of its own, a side. All
of it is evidence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations, product

from symgauge.errors import BadInputError
from symgauge.fits.polynomial import Monomial, Point, Polynomial, monomials, rank, through
from symgauge.fits.predicted import FRESH, Prediction, predicted
from symgauge.fits.search import SETTLED, Late, Measured, Search, never
from symgauge.progress import Progress, silent

#: Certified sizes beyond those that settle coefficients.
SPARE = 3
#: The share of the time after which corners are not looked at.
CORNERS = 0.6


class _NoTimeError(Exception):
    """The time was over before the certified sizes settled all coefficients."""


@dataclass(frozen=True)
class Fit:
    """The polynomial, what it was fitted on, and how it predicts."""

    names: tuple[str, ...]
    start: Point
    polynomial: Polynomial
    #: Certified sizes that the coefficients come from.
    points: dict[Point, int]
    predictions: tuple[Prediction, ...]
    #: How many fresh sizes were tried.
    tried: int
    #: Sizes that were derived and not certified: not used.
    open: tuple[Point, ...]
    #: The values of each size that the fit covers.
    ranges: tuple[tuple[int, ...], ...]
    #: Values next to a range at which the redundancy is another: certified, beyond a bound.
    beyond: tuple[tuple[str, int, int], ...]
    #: Fits that start beyond a bound.
    sides: tuple[Fit, ...] = ()
    #: Sizes at which the polynomial is asked for, however far.
    asked: Point | None = None
    #: Sizes that stay as they are because the time was over.
    untried: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether all fresh sizes came out as predicted."""
        return len(self.predictions) == FRESH and all(p.holds for p in self.predictions)


def fit(
    names: Sequence[str], values: Sequence[Sequence[int]], start: Point,
    derive: Callable[[Point], Measured | None], cost: Callable[[Point], int],
    progress: Progress = silent, late: Late = never,
) -> Fit:
    """The polynomial in the sizes through certified redundancies around `start`, and its sides.

    `derive` gives the redundancy at a point or None where there is no network of these sizes;
    `cost` its number of parameters: small ones come first; once `late` no size is derived, and what
    is certified by then is fitted, in fewer sizes where it does not settle all. Raises
    BadInputError where no polynomial of degree up to 3 in each size runs through what was
    certified.
    """
    search = Search(tuple(names), tuple(map(tuple, values)), start, derive, cost, progress, late)
    found = _fit(search)
    return replace(found, sides=tuple(_sides(search, found)))


def _sides(search: Search, found: Fit) -> Iterator[Fit]:
    """A fit beyond each end of a range, where one runs through what is certified there."""
    for name, value, _ in found.beyond:
        if name not in search.names:
            continue  # a corner of two sizes
        i = search.names.index(name)
        up = value > found.ranges[i][-1]
        if any(name == n and (v > found.ranges[i][-1]) == up and abs(v - found.start[i]) < abs(
                value - found.start[i]) for n, v, _ in found.beyond):
            continue  # one nearer to the bound starts it
        there = tuple(v for v in search.values[i] if (v >= value if up else v <= value))
        with suppress(BadInputError):
            yield _fit(replace(
                search, start=search.moved({i: value}), beyond=[],
                values=tuple(there if j == i else r for j, r in enumerate(search.values))))


def _fit(search: Search) -> Fit:
    names, start = search.names, search.start
    if search.at(start) is None:
        if start not in search.known:
            raise BadInputError(
                "the time was over before the sizes that the fit starts from: give it more")
        raise BadInputError(
            "at the sizes that the fit starts from the sandwich does not close: choose others with "
            "--set, or look at symgauge derive")
    lines = [search.line(i) for i in range(len(names))]
    dropped: set[int] = set()
    while True:
        ranges, degrees = tuple(r for r, _ in lines), [d for _, d in lines]
        together = {
            (i, j) for i, j in combinations(range(len(names)), 2)
            if degrees[i] and degrees[j] and _meet(search, i, j, ranges)}
        chosen = list(monomials(degrees, together))
        try:
            polynomial, points = _fitted(search, ranges, chosen)
            break
        except _NoTimeError:  # at the start alone one size settles all
            dropped.add(last := max(i for i, d in enumerate(degrees) if d))
            lines[last] = (start[last],), 0
    untried = tuple(
        n for i, n in enumerate(names)
        if i in dropped or len(ranges[i]) == 1 and any(
            search.moved({i: v}) not in search.known for v in search.values[i]))
    if len(untried) == len(names):
        raise BadInputError("the time was over before one size was varied: give it more")
    ranges = tuple(search.grown(i, r, polynomial) for i, r in enumerate(ranges))
    while (outside := _corner_outside(search, ranges, polynomial)) is not None:
        ranges = outside
    polynomial, points = _fitted(search, ranges, chosen)
    before = len(search.known)
    fresh = predicted(search, ranges, polynomial)
    tried = len(search.known) - before
    still = tuple(p for p, m in search.known.items() if m is not None and not m.certified)
    return Fit(
        names, start, polynomial, points, fresh, tried, still, ranges, tuple(search.beyond),
        untried=untried)


def _meet(search: Search, i: int, j: int, ranges: Sequence[Sequence[int]]) -> bool:
    """Whether the redundancy is no sum of one function of x_i and one of x_j near the start.

    Seen at the first corner that is certified: some sizes are built at multiples of others alone.
    """
    def near(k: int) -> list[int]:
        here = search.start[k]
        return sorted((v for v in ranges[k] if v != here), key=lambda v: (abs(v - here), v))[:3]

    base = search.at(search.start)
    for a, b in product(near(i), near(j)):
        corner = search.at(search.moved({i: a, j: b}))
        one, two = (search.at(search.moved(c)) for c in ({i: a}, {j: b}))
        if not (base is None or corner is None or one is None or two is None):
            return corner - one - two + base != 0
    return True  # not seen: the monomials are kept, and settled or not


def _fitted(
    search: Search, ranges: Sequence[Sequence[int]], chosen: Sequence[Monomial]
) -> tuple[Polynomial, dict[Point, int]]:
    """The polynomial through all certified sizes in the ranges."""
    points = _settled(search, ranges, chosen)
    terms, _ = through(chosen, list(points), list(points.values()))
    if terms is None:
        raise BadInputError(
            "no polynomial with the monomials that lines through the start show runs through the "
            f"{len(points)} certified sizes: a bound between sizes lies among them; start "
            "elsewhere with --set, or vary fewer sizes with --sizes")
    return Polynomial(search.names, terms), points


def _corner_outside(
    search: Search, ranges: tuple[tuple[int, ...], ...], polynomial: Polynomial
) -> tuple[tuple[int, ...], ...] | None:
    """Ranges without a corner at which the polynomial fails: there a bound between two sizes.

    Looked at: each pair of sizes, one at its least, the other at its greatest value.
    """
    for i, j in combinations(range(len(ranges)), 2):
        for a, b in ((ranges[i][0], ranges[j][-1]), (ranges[i][-1], ranges[j][0])):
            point = search.moved({i: a, j: b})
            value = search.at(point, CORNERS)
            if value is None or value == polynomial(point):
                continue
            search.beyond.append((f"{search.names[i]} = {a}, {search.names[j]}", b, value))
            # the value further from the start goes; the start itself stays
            away = max((i, a), (j, b), key=lambda x: abs(x[1] - search.start[x[0]]))
            return tuple(
                tuple(v for v in r if (k, v) != away) for k, r in enumerate(ranges))
    return None


def _settled(
    search: Search, ranges: Sequence[Sequence[int]], chosen: Sequence[Monomial]
) -> dict[Point, int]:
    """Certified sizes that determine all coefficients, with SPARE more."""
    inside = [set(r) for r in ranges]

    def within() -> dict[Point, int]:
        return {
            p: m.value for p, m in search.known.items()
            if m is not None and m.certified
            and all(x in r for x, r in zip(p, inside, strict=True))}

    left = sorted(
        (p for p in _near(search, ranges, chosen) if p not in search.known), key=search.cost)
    points = within()
    known = rank(chosen, list(points))
    while left and known < len(chosen):
        p = next((q for q in left if rank(chosen, [*points, q]) > known), None)
        if p is None:
            break
        left.remove(p)
        if search.at(p) is not None:
            points = within()
            known = rank(chosen, list(points))
    if known < len(chosen):
        if search.late(SETTLED):
            raise _NoTimeError
        raise BadInputError(
            f"{len(points)} certified sizes settle {known} of {len(chosen)} coefficients and there "
            "are no more: vary fewer sizes with --sizes")
    spare = len(points) - known
    for p in left[:-FRESH]:  # some are left to be predicted
        if spare >= SPARE:
            break
        spare += search.at(p) is not None
    return within()


def _near(
    search: Search, ranges: Sequence[Sequence[int]], chosen: Sequence[Monomial]
) -> set[Point]:
    """Points that differ from the start in the sizes of one monomial alone, in values near it.

    Where every divisor of a monomial is one too, these settle all coefficients.
    """
    found: set[Point] = set()
    for used in {tuple(map(bool, m)) for m in chosen}:
        found.update(product(*(
            sorted(r, key=lambda v: abs(v - here))[:max(m[i] for m in chosen) + 2]
            if used[i] else (here,)
            for i, (r, here) in enumerate(zip(ranges, search.start, strict=True)))))
    return found
