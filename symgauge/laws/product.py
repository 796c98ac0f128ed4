"""x y, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from symgauge.laws.law import Call, Entrywise
from symgauge.laws.shifting import Shifted, Shifting, free, only
from symgauge.laws.turning import Mark, Turned, Turning, marks_of
from symgauge.laws.weighing import Weighing, Weights, sum_of
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts, is_one, mask_at
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class Product(Entrywise):
    """(g x) y = g (x y) where y is constant along the leaf; weights add."""

    name = "product"
    words = (
        "where the other factor is constant along the leg", "weights add",
        "free, along what the other factor varies with",
    )
    multilinear = True
    false = ("scaling both inputs by the same factor", "rescaling the gate of a SwiGLU")

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        out: dict[Address, Mark] = {}
        for turned, other in zip(inputs, line.inputs[::-1], strict=True):
            marks = marks_of(turned)
            turning.require_aligned(line, marks)
            for address, mark in marks.items():
                flat = address in turning.facts.flat[other] or is_one(turning.structure, other)
                if not flat or address in out:
                    raise NoLemma("an entrywise product along a leg that turns")
                out[address] = mark
        return Turned(out)

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        a, b = weighing.aligned(line, inputs)
        out = {**a, **b}
        for address in a.keys() & b.keys():
            form = sum_of(a[address].form, b[address].form)
            out[address] = replace(a[address], form=form)
            if a[address].numbering != b[address].numbering:
                weighing.vanish([a[address], b[address]])
        return out

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        k, given = only(inputs)
        structure, other = shifting.structure, line.inputs[1 - k]
        if is_one(structure, other):
            return given
        mask = mask_at(structure, other)
        if mask is not None and given.mask in (None, mask):
            return Shifted(given.terms, given.varying, mask)
        along = frozenset(structure.top(line.node)) - shifting.facts.flat[other]
        return free(given.carried | along)

    def totals(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        """A sum of 0 stays one where the other factor is constant along the axis."""
        out: dict[int, int] = {}
        for j, other in (line.inputs, line.inputs[::-1]):
            for axis, total in facts.totals.get(j, {}).items():
                along = {a for a in structure.top(other) if a[0] == axis}
                if is_one(structure, other) or (total == 0 and along <= facts.flat[other]):
                    out[axis] = total
        return out

    def over(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        """T n sums to 0 over T where n does, and T has one leaf, all of the axis."""
        out: dict[int, int] = {}
        for j, other in (line.inputs, line.inputs[::-1]):
            view = facts.views.get(other)
            if view is None or len(structure.top(view.parameter)) != 1:
                continue
            along = {
                axis for axis, total in facts.totals.get(j, {}).items() if total == 0
                and [a for a in structure.top(other) if a[0] == axis] == list(view.places.values())}
            out |= {axis: view.parameter for axis in along if structure.aligned(
                line, line.inputs.index(other), axis)}
        return out

    def samples(self) -> Iterator[Call]:
        yield Call("mul", ((2, 3), (2, 3)))
