"""Unit axes are repeated: the value is constant along them."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call, Flat, aligned_from, flat_moved
from symgauge.laws.moving import Moving
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Repetition(Moving):
    """Leaves stay, and new ones are added along which nothing varies."""

    name = "repetition"

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        return flat_moved(structure, line, flat) | self.flat_of_constants(structure, line.node)

    def flat_of_constants(self, structure: Structure, node: int) -> frozenset[Address]:
        (source,) = structure.network.nodes[node].inputs
        shape = structure.network.nodes[source].shape
        return frozenset(a for a in structure.top(node) if shape[a[0]] == 1)

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        return axis if aligned_from(structure, line, source, axis) else None

    def samples(self) -> Iterator[Call]:
        yield Call("expand", ((1, 3),), {"size": (2, 3)})
