"""The largest entry along the last axis."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call, Flat, Law, along_axes, flat_moved, last_axis, the_only
from symgauge.laws.turning import Turned, Turning, off_axes
from symgauge.laws.weighing import Weighing, Weights
from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class MaximumOfAnAxis(Law):
    """One s > 0 for the whole row passes."""

    name = "maximum of an axis"
    words = ("no lemma", "passes on other legs", "no lemma")
    false = ("a shift of a single entry",)

    def reordered(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        axes = (last_axis(turning.structure, line),)
        return Turned(off_axes(along_axes(turning, line, the_only(inputs), axes).marks, axes))

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        return weighing.off_axes(inputs[0], (last_axis(weighing.structure, line),))

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        return flat_moved(structure, line, flat)

    def samples(self) -> Iterator[Call]:
        yield Call("amax", ((3, 2),))
