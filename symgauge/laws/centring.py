"""x minus its mean over axes."""

from __future__ import annotations

from collections.abc import Mapping

from symgauge.laws.law import Flat, Law, along_axes, flat_in_all, the_only
from symgauge.laws.shifting import Shifted, Shifting, forgotten
from symgauge.laws.turning import Turned, Turning
from symgauge.laws.weighing import Weighing, Weights
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class Centring(Law):
    """g x - mean(g x) = g (x - mean x) where g is a rotation that fixes 1; sums to 0."""

    name = "centring"
    words = (
        "rotations that fix the ones; other legs pass", "passes on other legs",
        "forgotten, where constant along the axis",
    )
    forgets = "constant along the centred axis: forgotten"
    multilinear = True

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        return centred(turning, line, the_only(inputs), off_axis=True)

    def reordered(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        return unmoved(turning, line, along_axes(
            turning, line, the_only(inputs), line.attrs["axes"]))

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        return weighing.off_axes(inputs[0], line.attrs["axes"])

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        (given,) = inputs
        assert given is not None
        return forgotten(given, line.attrs["axes"])

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        return flat_in_all(structure, line, flat)

    def totals(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        return sums_to_0(line)


def centred(turning: Turning, line: Line, turned: Turned, off_axis: bool) -> Turned:
    """Rotations that fix 1 on all of the axes' leaf; `off_axis`: whatever is on other axes."""
    axes, structure, (source,) = line.attrs["axes"], turning.structure, line.inputs
    for address, mark in turned.marks.items():
        if any(c[0] in axes for c in mark.copies):
            raise NoLemma("copies are mixed")
        if address[0] in axes:
            whole = [a for a in structure.top(source) if a[0] in axes]
            if not turning.fixes_ones or whole != [address]:
                raise NoLemma("a mean over a leg that turns")
        elif not off_axis:
            raise NoLemma(f"{line.label} is not linear")
    return unmoved(turning, line, turned)


def unmoved(turning: Turning, line: Line, turned: Turned) -> Turned:
    """What turns, where its legs are those of the input."""
    structure, (source,) = turning.structure, line.inputs
    if any(structure.leg_at(source, a) != structure.leg_at(line.node, a) for a in turned.marks):
        raise NoLemma("an op moves entries across index spaces")
    return turned


def sums_to_0(line: Line) -> Mapping[int, int]:
    """The axis along which a centred value sums to 0."""
    axes = line.attrs["axes"]
    return {axes[0]: 0} if len(axes) == 1 else {}
