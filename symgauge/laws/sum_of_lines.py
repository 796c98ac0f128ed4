"""x + y."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from symgauge.laws.law import Call, Entrywise
from symgauge.laws.shifting import Shifted, Shifting, added
from symgauge.laws.turning import STILL, Turned, Turning, marks_of
from symgauge.laws.weighing import Weighing, Weights
from symgauge.spaces.facts import Facts, Sum, is_zero
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


class SumOfLines(Entrywise):
    """g x + g y = g (x + y); g z = z where g fixes z; a parameter that is added absorbs a shift."""

    name = "sum of lines"
    words = (
        "all summands alike, or constant along the leg where g fixes the ones, or of sum 0 where "
        "it fixes those",
        "all summands alike", "adds; a parameter that is added absorbs",
    )
    forgets = "the terms cancel"
    multilinear = True
    takes_masked = True
    false = ("scaling one input alone", "centred through a skip")

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        a, b = (marks_of(t) for t in inputs)
        turning.require_aligned(line, a, b)
        for mine, other, node in ((a, b, line.inputs[1]), (b, a, line.inputs[0])):
            for address, mark in mine.items():
                if turning.same(other.get(address), mark) or is_zero(turning.structure, node):
                    continue
                if address not in other and turning.fixed_by(address, node, mark.parity):
                    continue
                if address not in other and turning.joins(node, address, mark):
                    return STILL
                raise NoLemma("the summands turn differently")
        return Turned({**b, **a})

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        a, b = weighing.aligned(line, inputs)
        for node, other in zip(line.inputs, (b, a), strict=True):
            if is_zero(weighing.structure, node):
                return dict(other)
        return weighing.alike(a, b)

    def logs(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        return weighing.add(*weighing.aligned(line, inputs))

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        a, b = (Shifted() if s is None else s for s in inputs)
        joined = added(a, b)
        if joined.terms and shifting.absorbs and joined.varying is None and joined.mask is None:
            for node, given in ((line.inputs[1], inputs[0]), (line.inputs[0], inputs[1])):
                found = None if given is None else shifting.absorber(node, joined)
                if found is not None:
                    shifting.absorbed = found
                    return Shifted()
        return joined

    def totals(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        a, b = (facts.totals.get(j, {}) for j in line.inputs)
        zero = [is_zero(structure, j) for j in line.inputs]
        if any(zero):
            return a if not zero[0] else b
        return {axis: 0 for axis, total in a.items() if total == 0 and b.get(axis) == 0}

    def steady(self, structure: Structure, line: Line, facts: Facts) -> frozenset[int]:
        """A norm's bias adds its own sum to a sum of 0."""
        def is_steady(j: int, axis: int) -> bool:
            others = {a for a in structure.top(line.node) if a[0] != axis}
            return axis in facts.steady.get(j, ()) or others <= facts.flat[j]

        return frozenset(
            axis for axis in range(len(line.shape))
            if all(is_steady(j, axis) for j in line.inputs)
            and structure.are_aligned(line, [(a, 0) for a in range(len(line.shape))]))

    def over(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        a, b = (facts.over.get(j, {}) for j in line.inputs)
        zero = [is_zero(structure, j) for j in line.inputs]
        if any(zero):
            return a if not zero[0] else b
        return {axis: p for axis, p in a.items() if b.get(axis) == p}

    def sums(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, Sum]:
        """A norm's bias adds its own sum to a sum of 0, and that over the gain likewise."""
        out: dict[int, Sum] = {}
        for j, other in (line.inputs, line.inputs[::-1]):
            view = facts.views.get(other)
            # all of a vector: a part of one has another sum
            if view is None or view.factor != 1 or list(view.places) != structure.top(
                    view.parameter) or len(view.places) != 1:
                continue
            sums = {axis: Sum(view.parameter, gain) for axis, gain in facts.over.get(j, {}).items()}
            sums |= {axis: Sum(view.parameter)
                     for axis, total in facts.totals.get(j, {}).items() if total == 0}
            out |= {axis: x for axis, x in sums.items() if structure.are_aligned(line, [(axis, 0)])
                    and [a for a in structure.top(other) if a[0] == axis] == list(
                        view.places.values())}
        return out

    def samples(self) -> Iterator[Call]:
        yield Call("add", ((2, 4), (2, 4)))
