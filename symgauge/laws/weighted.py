"""Sums of squares that parameters weigh: sum_k T_k x_k^2 to one number."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


def weight_at(structure: Structure, facts: Facts, line: Line, k: int) -> int | None:
    """The parameter T with one entry for each of the contracted axis that factor k is, or None.

    There is one output, no batch of T, and T is all of one leg.
    """
    rank, view = len(line.shape), facts.views.get(line.inputs[k])
    axis = rank - 1 if k == 0 else rank - 2
    if view is None or not view.factor or structure.top(line.inputs[k]) != [(axis, 0)]:
        return None
    alone = list(view.places) == structure.top(view.parameter) and (
        list(view.places.values()) == [(axis, 0)])
    return view.parameter if alone and structure.contracts_alike(line) else None


def weighted_squares(structure: Structure, facts: Facts) -> Iterator[tuple[int, Address]]:
    """Parameters that weigh squares which are summed to one number, and their only leaf."""
    for line in structure.lines.values():
        for k in (0, 1) if line.law == "contraction" else ():
            before = structure.lines.get(line.inputs[1 - k])
            weight = weight_at(structure, facts, line, k)
            if weight is not None and before is not None and before.op is not None and (
                    before.op.is_square(**before.attrs)):
                yield weight, structure.top(weight)[0]
