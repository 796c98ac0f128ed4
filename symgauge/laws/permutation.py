"""Axes in another order."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call
from symgauge.laws.moving import Moving
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Permutation(Moving):
    """Leaves keep their places on their axes."""

    name = "permutation"

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        return list(line.attrs["dims"]).index(axis)

    def samples(self) -> Iterator[Call]:
        yield Call("permute", ((2, 3),), {"dims": (1, 0)})
