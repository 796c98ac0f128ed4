"""(x minus its mean) over the root of its variance plus epsilon."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from fractions import Fraction

from symgauge.laws.centring import centred, sums_to_0, unmoved
from symgauge.laws.law import Call, Flat, Law, along_axes, flat_in_all, the_only
from symgauge.laws.shifting import Shifted, Shifting, forgotten
from symgauge.laws.turning import Turned, Turning
from symgauge.laws.weighing import Weighing, Weights
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Standardising(Law):
    """Commutes with rotations that fix 1; with epsilon 0 it forgets the factor of the whole."""

    name = "standardising"
    words = (
        "rotations that fix the ones", "forgotten with epsilon 0",
        "forgotten, where constant along the axis",
    )
    forgets = "constant along the standardised axis: forgotten"
    false = ("so on LayerNorm",)

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        return centred(turning, line, the_only(inputs), off_axis=False)

    def reordered(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        return unmoved(turning, line, along_axes(
            turning, line, the_only(inputs), line.attrs["axes"]))

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        rest = weighing.off_axes(inputs[0], line.attrs["axes"])
        if line.attrs["eps"] != 0:
            weighing.vanish(rest.values())
        return {}

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        (given,) = inputs
        assert given is not None
        return forgotten(given, line.attrs["axes"])

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        return flat_in_all(structure, line, flat)

    def totals(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        return sums_to_0(line)

    def samples(self) -> Iterator[Call]:
        for eps in (Fraction(1, 7), Fraction(0)):
            yield Call("standardise", ((2, 4),), {"axes": (1,), "eps": eps})
