"""class Moving: laws of ops of one input that only move entries, whatever these are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import TypeVar

from symgauge.laws.law import Flat, Law, flat_moved, the_only
from symgauge.laws.shifting import Shifted, Shifting
from symgauge.laws.turning import Turned, Turning
from symgauge.laws.weighing import Weighing, Weights, multiples
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts, Pick, Sum, View
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure

T = TypeVar("T")


class Moving(Law):
    """Every variation goes with the entries."""

    words = ("goes with the entries",) * 3
    forgets = "another part is taken"
    silent = True
    multilinear = True

    def factor(self, line: Line) -> Fraction:
        """What the entries are multiplied by."""
        return Fraction(1)

    def regained(
        self, structure: Structure, line: Line, gone: Iterable[Address]
    ) -> frozenset[Address]:
        """The leaves along which the value may vary where these of the input are gone."""
        return frozenset()

    def keeps_total(self, line: Line, axis: int, total: int) -> bool:
        """Whether the value may sum to `total` along where an axis went, as the input does."""
        return True

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        return Turned(turning.moved(line, 0, the_only(inputs).marks))

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        return weighing.moved(line, 0, inputs[0])

    def logs(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        return multiples(weighing.moved(line, 0, inputs[0]), self.factor(line))

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        (given,) = inputs
        assert given is not None
        moved = shifting.moved(line, 0, given).times(self.factor(line))
        if moved.varying is None or given.varying is None or (
                len(moved.varying) == len(given.varying)):
            return moved
        structure = shifting.structure
        gone = [a for a in given.varying if structure.move(line, 0, a) is None]
        regained = self.regained(structure, line, gone)
        return Shifted(moved.terms, moved.varying | regained, moved.mask)

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        return flat_moved(structure, line, flat)

    def totals(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        known = facts.totals.get(line.inputs[0], {})
        return self._moved(structure, line, {
            axis: total for axis, total in known.items() if self.keeps_total(line, axis, total)})

    def over(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        known = facts.over.get(line.inputs[0], {})
        return self._moved(structure, line, {
            axis: p for axis, p in known.items() if self.keeps_total(line, axis, 0)})

    def sums(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, Sum]:
        known = facts.sums.get(line.inputs[0], {}) if self.factor(line) == 1 else {}
        return self._moved(structure, line, {
            axis: x for axis, x in known.items() if self.keeps_total(line, axis, 1)})

    def steady(self, structure: Structure, line: Line, facts: Facts) -> frozenset[int]:
        known = dict.fromkeys(facts.steady.get(line.inputs[0], ()), 0)
        kept = {axis: 0 for axis in known if self.keeps_total(line, axis, 0)}
        return frozenset(self._moved(structure, line, kept))

    @staticmethod
    def _moved(
        structure: Structure, line: Line, by_axis: Mapping[int, T]
    ) -> Mapping[int, T]:
        """What is said of axes of the input, of the same axes of the value."""
        places = {axis: _whole_axis(structure, line, axis) for axis in by_axis}
        return {there: by_axis[axis] for axis, there in places.items() if there is not None}

    def view(self, structure: Structure, line: Line, views: Mapping[int, View]) -> View | None:
        before = views.get(line.inputs[0])
        if before is None:
            return None
        try:
            places = {
                mine: structure.move(line, 0, there) for mine, there in before.places.items()}
        except NoLemma:
            return None
        kept = {mine: there for mine, there in places.items() if there is not None}
        return View(before.parameter, kept, before.factor * self.factor(line))

    def pick(self, structure: Structure, line: Line, picks: Mapping[int, Pick]) -> Pick | None:
        before = picks.get(line.inputs[0])
        if before is None or self.factor(line) != 1:
            return None
        try:
            along = structure.move(line, 0, before.along)
            rows = {a: structure.move(line, 0, there) for a, there in before.rows.items()}
        except NoLemma:
            return None
        kept = {a: there for a, there in rows.items() if there is not None}
        if along is None or len(kept) < len(rows) or [
                a for a in structure.top(line.node) if a[0] == along[0]] != [along]:
            return None
        return Pick(before.root, along, kept)


def _whole_axis(structure: Structure, line: Line, axis: int) -> int | None:
    """Where all leaves of an axis of the input are all leaves of one axis of the value."""
    here = [a for a in structure.top(line.inputs[0]) if a[0] == axis]
    try:
        there = [structure.move(line, 0, a) for a in here]
    except NoLemma:
        return None
    axes = {None if a is None else a[0] for a in there}
    new = axes.pop() if len(axes) == 1 else None
    whole = sum(a[0] == new for a in structure.top(line.node)) == len(here)
    return new if whole else None
