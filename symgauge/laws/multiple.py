"""A rational multiple."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from symgauge.laws.law import Call, aligned_from
from symgauge.laws.moving import Moving
from symgauge.laws.turning import Turned, Turning
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Multiple(Moving):
    """Leaves stay; shifts are multiplied."""

    name = "multiple"
    words = ("passes", "passes", "passes, times the number")
    takes_masked = True

    def factor(self, line: Line) -> Fraction:
        return Fraction(line.attrs["factor"])

    def squared(self, turning: Turning, line: Line, squares: Turned) -> Turned:
        return squares

    def keeps_total(self, line: Line, axis: int, total: int) -> bool:
        return total == 0 or self.factor(line) == 1

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        return axis if aligned_from(structure, line, source, axis) else None

    def samples(self) -> Iterator[Call]:
        yield Call("scale", ((2, 3),), {"factor": Fraction(-2, 3)})
