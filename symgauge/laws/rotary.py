"""Pairs of entries times complex numbers (a rotary embedding)."""

from __future__ import annotations

from symgauge.laws.law import Law, last_axis, the_only
from symgauge.laws.turning import Turned, Turning
from symgauge.laws.weighing import Weighing, Weights
from symgauge.program.moves import Address
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class Rotary(Law):
    """Complex numbers on the pairs commute."""

    name = "rotary"
    words = ("complex numbers on the pairs", "passes on other legs", "no lemma")
    multilinear = True
    false = ("gl under rotary", "a shift into a rotary key")

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        marks, last = the_only(inputs).marks, last_axis(turning.structure, line)
        for address in marks:
            if not turning.commutes_with_turns or address[0] != last or len(address) != 2:
                raise NoLemma("a rotary embedding along a leg that turns")
            if not _are_its_pairs(turning.structure, line, address):
                raise NoLemma("a rotary embedding of other pairs")
        return Turned(turning.moved(line, 0, marks))

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        last = last_axis(weighing.structure, line)
        return weighing.moved(line, 0, weighing.off_axes(inputs[0], (last,)))


def _are_its_pairs(structure: Structure, line: Line, address: Address) -> bool:
    """Whether a leaf of the last axis is what the region takes by pairs."""
    source = [leg for leg, _ in structure.leaves(line.inputs[0], address[0])]
    there = [leg for leg, _ in structure.leaves(line.node, len(line.shape) - 1)]
    if line.attrs["pairs"] == "halves":
        return len(source) == len(there) == 1
    return address[1] == len(source) - 1 and source == there and structure.size(source[-1]) == 2
