"""Pairs of entries times complex numbers (a rotary embedding)."""

from __future__ import annotations

from symgauge.laws.law import Law, last_axis, the_only
from symgauge.laws.turning import Turned, Turning
from symgauge.laws.weighing import Weighing, Weights
from symgauge.program.moves import Address
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class Rotary(Law):
    """Complex numbers on the pairs commute, and matrices of them on pairs that turn alike.

    Of scalings, those of both entries of a pair alike.
    """

    name = "rotary"
    words = (
        "complex numbers on the pairs, complex matrices on those that turn alike",
        "passes on other legs, and along the pairs: both alike",
        "no lemma",
    )
    multilinear = True
    false = (
        "gl under rotary", "a shift into a rotary key",
        "a scaling of each entry before a rotary table",
    )

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        marks, last = the_only(inputs).marks, last_axis(turning.structure, line)
        for address in marks:
            pairs, alike = line.attrs["pairs"], line.attrs["alike"]
            if not turning.turns_with(pairs, alike) or address[0] != last or len(address) != 2:
                raise NoLemma("a rotary embedding along a leg that turns")
            if not _are_its_pairs(turning.structure, line, address):
                raise NoLemma("a rotary embedding of other pairs")
        return Turned(turning.moved(line, 0, marks))

    def reordered(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        marks, last = the_only(inputs).marks, last_axis(turning.structure, line)
        if not {a[0] for a in marks} <= line.attrs["steady"]:
            raise NoLemma("a rotary embedding that differs along a leg in another order")
        if any(c[0] == last for m in marks.values() for c in m.copies):
            raise NoLemma("copies are mixed")
        return Turned(turning.moved(line, 0, marks))

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        last, weights = last_axis(weighing.structure, line), inputs[0]
        on = {a: w for a, w in weights.items() if a and a[0] == last}
        along = {
            a: w for a, w in on.items() if all(c[0] != last for c in w.copies)
            and _is_along_pairs(weighing.structure, line, a)}
        for address, weight in along.items():
            if len(address) > 2:
                weighing.agree(weight, on.get((*address[:2], 1 - address[2], *address[3:])))
        weighing.vanish(w for a, w in on.items() if a not in along)
        others = {a: w for a, w in weights.items() if a not in on}
        kept = {**weighing.off_axes(others, (last,)), **along}
        return weighing.moved(line, 0, kept)


def _leaves(structure: Structure, line: Line, axis: int) -> tuple[list[int], list[int]]:
    """The legs of the axis that is turned, before and after."""
    source = [leg for leg, _ in structure.leaves(line.inputs[0], axis)]
    there = [leg for leg, _ in structure.leaves(line.node, len(line.shape) - 1)]
    return source, there


def _are_its_pairs(structure: Structure, line: Line, address: Address) -> bool:
    """Whether a leaf of the last axis is what the region takes by pairs."""
    source, there = _leaves(structure, line, address[0])
    if line.attrs["pairs"] == "halves":
        return len(source) == len(there) == 1
    return address[1] == len(source) - 1 and source == there and structure.size(source[-1]) == 2


def _is_along_pairs(structure: Structure, line: Line, address: Address) -> bool:
    """Whether a leaf of the last axis numbers the pairs: all of a half, or beside a pair."""
    source, there = _leaves(structure, line, address[0])
    if line.attrs["pairs"] == "halves":
        halves = structure.parts(source[0])
        return len(source) == len(there) == 1 and len(address) == 4 and len(halves) == 2 and all(
            structure.legs.find(leg)[0] == structure.legs.find(halves[0][0])[0]
            and len(structure.part_leaves((leg, turn))) == 1 for leg, turn in halves)
    return len(address) == 2 and source == there and address[1] < len(source) - 1 and (
        structure.size(source[-1]) == 2)
