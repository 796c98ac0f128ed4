"""The widths that the letters of a record are, and whether a step agrees where they have values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from random import Random
from typing import Any

from symgauge.steps.polynomials import Letters, inequalities, sides, value
from symgauge.steps.step import Book, Count
from symgauge.steps.widths import Axis

#: The largest width that is drawn.
LARGEST = 7
Said = Mapping[str, Any]


class Matching:
    """The letters of one record as widths of one program, by the places that it names."""

    def __init__(self, record: Said, book: Book, values: Letters) -> None:
        self._steps = list(zip(record["steps"], book.steps, strict=True))
        self._here = book.reader.widths.here()
        names = dict(zip(book.reader.network.parameter_nodes,
                         (p.name for p in book.reader.network.parameters), strict=True))
        known = book.reader.widths.places(names)
        self._values = values
        self.letters: dict[Axis, str] = {}
        #: Letters that stand for widths of other sizes than they say, or for one another's.
        self.wrong: list[str] = []
        for letter, places in record["places"].items():
            said = int(record["symbols"][letter].split(" ", 1)[0])
            for axis in (known[p] for p in places if p in known):
                if self._here[axis] != said or self.letters.setdefault(axis, letter) != letter:
                    self.wrong.append(letter)

    def _at(self, letters: Letters) -> dict[Axis, int]:
        """The widths; those without a letter may be any, but where the program's are meant."""
        rng = None if letters == self._values else Random(str(sorted(letters.items())))
        return {a: letters[x] if (x := self.letters.get(a)) else
                n if rng is None or n == 1 else rng.randint(2, LARGEST)
                for a, n in self._here.items()}

    def agrees(self, k: int, letters: Letters) -> bool:
        """Whether a step's needs hold and its counts are those established, at these values."""
        said, step = self._steps[k]
        at = self._at(letters)
        if not all(needed(at) for needed in step.needs) or not all(
                less(at) <= more(at) for less, more in step.asks):
            return False
        free: dict[str, Fraction] = {}
        for f in said["free"]:
            free[f["what"]] = free.get(f["what"], Fraction(0)) + value(f["count"], letters)
        known = dict.fromkeys(what for what, _ in step.free)
        for what, count in step.free:
            free[what] = free.get(what, Fraction(0)) - count(at)
        return not any(free.values()) and set(free) <= set(known)

    def asked(self, inequality: str, k: int, points: Sequence[Letters]) -> bool:
        """Whether a step asks for an inequality, or notes it as the case of a minimum."""
        _, step = self._steps[k]
        return any(self._is(inequality, pair, points) for pair in (*step.asks, *step.cases))

    def unsaid(self, k: int, points: Sequence[Letters]) -> bool:
        """Whether a step asks for an inequality that it does not say, and that sizes can miss."""
        said, step = self._steps[k]
        texts = inequalities(said["conditions"])
        return any(
            not any(self._is(t, pair, points) for t in texts) and not self._constant(pair, points)
            for pair in step.asks)

    def _constant(self, pair: tuple[Count, Count], points: Sequence[Letters]) -> bool:
        return len({pair[1](at) - pair[0](at) for at in map(self._at, points)}) == 1

    def _is(self, text: str, pair: tuple[Count, Count], points: Sequence[Letters]) -> bool:
        for p in points:
            at, (less, more) = self._at(p), sides(text, p)
            if less != pair[0](at) or more != pair[1](at):
                return False
        return True
