"""The sum over axes."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

from symgauge.laws.law import Call, Flat, Law, flat_moved, the_only
from symgauge.laws.shifting import Shifted, Shifting, free
from symgauge.laws.turning import STILL, Turned, Turning, off_axes
from symgauge.laws.weighing import Weighing, Weights
from symgauge.program.moves import Address
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class Sum(Law):
    """1^T g = 1^T where g is a rotation that fixes 1; |g x|^2 = |x|^2 for a rotation."""

    name = "sum"
    words = (
        "passes on other legs; squares are summed under rotations", "passes on other legs",
        "passes, times the count",
    )
    forgets = "the sum of squares does not turn"
    multilinear = True
    false = ("gl on RMSNorm",)

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        marks, axes = the_only(inputs).marks, line.attrs["axes"]
        for address in marks:
            if address[0] in axes and not (turning.fixes_ones and len(address) == 2):
                raise NoLemma("a sum over a leg that turns")
        return Turned(turning.moved(line, 0, off_axes(marks, axes)))

    def squared(self, turning: Turning, line: Line, squares: Turned) -> Turned:
        if not turning.orthogonal:
            raise NoLemma("squares that are summed without their weights")
        # copies beside the leg are summed too, a part of a direct sum is not all of it
        if any(a[0] not in line.attrs["axes"] or len(a) != 2 for a in squares.marks):
            raise NoLemma("squares of single entries are used")
        if len(squares.marks) != 1:
            raise NoLemma("squares of a value that turns twice")
        return STILL

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        return weighing.moved(line, 0, weighing.off_axes(inputs[0], line.attrs["axes"]))

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        (given,) = inputs
        assert given is not None
        axes, structure = line.attrs["axes"], shifting.structure
        if given.varying is None and not any(a[0] in axes for a in given.carried):
            shape = structure.network.nodes[line.inputs[0]].shape
            moved = shifting.moved(line, 0, given).terms
            count = prod(shape[a] for a in axes)
            return Shifted({t: c * count for t, c in moved.items()})
        kept = (structure.move(line, 0, a) for a in given.carried if a[0] not in axes)
        return free(a for a in kept if a is not None)

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        return flat_moved(structure, line, flat)

    def samples(self) -> Iterator[Call]:
        yield Call("sum", ((2, 4),), {"axes": (1,)})
