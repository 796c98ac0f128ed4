"""The same entries, row-major, in another shape: an axis is a product of legs."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call
from symgauge.laws.moving import Moving
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class Reshape(Moving):
    """Leaves keep their order, whatever axes they are on."""

    name = "reshape"

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        try:
            found = structure.reshaped(source, line.node, (axis, 0))
        except NoLemma:
            return None
        return found[0] if found[1] == 0 else None

    def samples(self) -> Iterator[Call]:
        yield Call("reshape", ((2, 6),), {"size": (2, 2, 3)})
        yield Call("reshape", ((2, 2, 3),), {"size": (2, 6)})
