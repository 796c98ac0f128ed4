"""Certified redundancies at sizes around a start, each derived once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from symgauge.fits.polynomial import Point, Polynomial, degree
from symgauge.progress import Progress

#: Highest power of one size; the fewest values that a line looks at before it grows.
DEGREE, NEAR = 3, 3
#: Shares of the time after which ranges grow no more, and what is left is for predictions.
GROWN, SETTLED = 0.4, 0.8
#: Whether that share of the time that there is is spent.
Late = Callable[[float], bool]


def never(share: float) -> bool:
    """There is all the time that it takes."""
    return False


@dataclass(frozen=True)
class Measured:
    """The redundancy at one choice of sizes; `certified` where the sandwich closed."""

    value: int
    certified: bool


@dataclass
class Search:
    """What is known so far."""

    names: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]
    start: Point
    derive: Callable[[Point], Measured | None]
    cost: Callable[[Point], int]
    progress: Progress
    late: Late
    known: dict[Point, Measured | None] = field(default_factory=dict)
    beyond: list[tuple[str, int, int]] = field(default_factory=list)

    def at(self, point: Point, share: float = SETTLED) -> int | None:
        """The certified redundancy; None where there is none, or no time to derive it."""
        if point not in self.known:
            if self.late(share):
                return None
            said = ", ".join(f"{n} = {v}" for n, v in zip(self.names, point, strict=True))
            self.progress(f"{len(self.known) + 1}: {said}")
            self.known[point] = self.derive(point)
        found = self.known[point]
        return found.value if found is not None and found.certified else None

    def moved(self, changes: dict[int, int]) -> Point:
        return tuple(changes.get(i, v) for i, v in enumerate(self.start))

    def line(self, i: int) -> tuple[tuple[int, ...], int]:
        """Values around the start that one polynomial runs through, and its degree."""
        best: tuple[tuple[int, ...], int] = ((self.start[i],), 0)
        whole: dict[int, int] = {}
        for v in sorted(self.values[i], key=lambda v: (abs(v - self.start[i]), v)):
            value = self.at(self.moved({i: v}))
            if value is None:
                continue
            whole[v] = value
            best = _longest(sorted(whole.items()), self.start[i])
            if len(best[0]) >= max(NEAR, best[1] + 2):
                break
        self.beyond += [
            (self.names[i], v, r) for v, r in sorted(whole.items())
            if len(best[0]) > 1 and v not in best[0]]
        return best

    def grown(self, i: int, values: tuple[int, ...], polynomial: Polynomial) -> tuple[int, ...]:
        """The values with those next to them at which the polynomial holds, while there is time."""
        own = self.values[i]
        for more in (own[own.index(values[-1]) + 1:], own[:own.index(values[0])][::-1]):
            for v in more if len(values) > 1 else ():
                point = self.moved({i: v})
                value = self.at(point, GROWN)
                if value is None:
                    break
                if value != polynomial(point):
                    if (self.names[i], v, value) not in self.beyond:
                        self.beyond.append((self.names[i], v, value))
                    break
                values = tuple(sorted((*values, v)))
        return values


def _longest(whole: Sequence[tuple[int, int]], start: int) -> tuple[tuple[int, ...], int]:
    """The most neighbouring values, the start among them, on one polynomial, and its degree."""
    best: tuple[tuple[int, ...], int] = ((start,), 0)
    for low, high in combinations(range(len(whole) + 1), 2):
        part = whole[low:high]
        inside = tuple(v for v, _ in part)
        if start in inside and len(inside) > len(best[0]):
            d = degree(part, DEGREE)
            if d is not None:
                best = inside, d
    return best
