"""One step as it is established here: what it settles, leaves free, and needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from symgauge.steps.reading import Bias, Map, Reader
from symgauge.steps.unread import Unread
from symgauge.steps.widths import At, Axis

#: A number that depends on widths; a condition on them.
Count = Callable[[At], int]
Needs = Callable[[At], bool]


@dataclass
class Established:
    """A fact at a line; its counts are integers at any widths, no case of a minimum chosen."""

    fact: str
    line: int
    settles: list[str] = field(default_factory=list)
    free: list[tuple[str, Count]] = field(default_factory=list)
    #: (less, more): what it asks of widths, and which case of each minimum there is here.
    asks: list[tuple[Count, Count]] = field(default_factory=list)
    cases: list[tuple[Count, Count]] = field(default_factory=list)
    needs: list[Needs] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


class Book:
    """The steps so far, and the parameters that they settle."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.steps: list[Established] = []
        self.settled: set[int] = set()
        self._names = {i: p.name for i, p in zip(
            reader.network.parameter_nodes, reader.network.parameters, strict=True)}

    def step(self, fact: str, line: int) -> Established:
        """A new step; what follows is written into it."""
        self.steps.append(Established(fact, line))
        return self.steps[-1]

    def settle(self, found: Iterable[Map | Bias], shared: int = 1) -> None:
        """Their variation is determined. Raises Unread where one is read elsewhere too."""
        for x in found:
            if self.reader.uses(x.node) > shared or x.node in self.settled:
                raise Unread(f"{self._names[x.node]} is read at several places")
            self.settled.add(x.node)
            self.steps[-1].settles.append(self._names[x.node])

    def free(self, what: str, count: Count) -> None:
        """Directions that the step leaves free."""
        self.steps[-1].free.append((what, count))

    def needs(self, holds: Needs) -> None:
        """What the step asks of widths."""
        self.steps[-1].needs.append(holds)

    def at_most(self, less: Count, more: Count) -> None:
        """It asks that one is at most the other."""
        self.steps[-1].asks.append((less, more))

    def least(self, *counts: Count) -> Count:
        """The least of some numbers; which it is in the program is noted, ties as either."""
        here = self.reader.widths.here()
        least = min(n(here) for n in counts)
        self.steps[-1].cases += [
            (first, n) for first in counts if first(here) == least for n in counts
            if n is not first]
        return lambda at: min(n(at) for n in counts)

    def product_left(self, widths: Iterable[Count]) -> Count:
        """dim of the dW_i with d(W_1 ... W_k) = 0 at generic matrices, by their widths."""
        found = list(widths)
        rank = self.least(*found)

        def count(at: At) -> int:
            n, r = [w(at) for w in found], rank(at)
            return sum(a * b for a, b in zip(n, n[1:], strict=False)) - r * (n[0] + n[-1] - r)

        return count

    def words(self, text: str) -> None:
        """What it asks besides."""
        if text not in self.steps[-1].words:
            self.steps[-1].words.append(text)

    def width(self, axis: Axis) -> Count:
        """The width of an axis."""
        return lambda at: self.reader.widths.value(axis, at)

    def left(self) -> list[int]:
        """The parameters that no step has settled."""
        return [i for i in self.reader.network.parameter_nodes if i not in self.settled]


def number(n: int) -> Count:
    """The same at all widths."""
    return lambda at: n


def total(counts: Iterable[Count]) -> Count:
    """Their sum."""
    found = list(counts)
    return lambda at: sum(c(at) for c in found)
