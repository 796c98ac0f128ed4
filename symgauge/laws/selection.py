"""Entries at given places of an axis, in any order and any number: no leaf of it is left."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from symgauge.laws.law import Call, last_axis
from symgauge.laws.moving import Moving
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Selection(Moving):
    """Leaves of other axes go along."""

    name = "selection"

    def regained(
        self, structure: Structure, line: Line, gone: Iterable[Address]
    ) -> frozenset[Address]:
        """What varies along the axis varies along the axes in its place."""
        count = len(line.shape) - last_axis(structure, line)
        axes = range(line.attrs["axis"], line.attrs["axis"] + count)
        return frozenset(a for a in structure.top(line.node) if any(gone) and a[0] in axes)

    def keeps_total(self, line: Line, axis: int, total: int) -> bool:
        return bool(axis != line.attrs["axis"])

    def samples(self) -> Iterator[Call]:
        yield Call("take", ((4, 3),), {"axis": 0, "index": (2, 0, 2)})
        yield Call("take", ((4, 3),), {"axis": 1, "index": (1,)})
