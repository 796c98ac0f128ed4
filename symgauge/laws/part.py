"""A range of an axis: a summand of a direct sum, or several."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from symgauge.laws.law import Call, aligned_from
from symgauge.laws.moving import Moving
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Part(Moving):
    """Leaves of the summands that are taken go along, those of others are left out."""

    name = "part"

    def regained(
        self, structure: Structure, line: Line, gone: Iterable[Address]
    ) -> frozenset[Address]:
        """A part of a leaf along which the whole varies."""
        axes = {a[0] for a in gone if not structure.is_another_part(line, a)}
        return frozenset(a for a in structure.top(line.node) if a[0] in axes)

    def keeps_total(self, line: Line, axis: int, total: int) -> bool:
        return bool(axis != line.attrs["axis"])

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        return axis if aligned_from(structure, line, source, axis) else None

    def samples(self) -> Iterator[Call]:
        yield Call("slice", ((6, 2),), {"axis": 0, "start": 2, "stop": 5, "step": 1})
        yield Call("slice", ((6, 2),), {"axis": 0, "start": 1, "stop": 6, "step": 2})
