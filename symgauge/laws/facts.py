"""What holds of the lines of a program for every data: each law says it of its lines."""

from __future__ import annotations

from collections.abc import Mapping

from symgauge.laws import all_laws
from symgauge.program.constant import Constant
from symgauge.program.kept import kept
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts, Pick, Sum, View
from symgauge.spaces.structure import Structure


@kept
def facts_of(structure: Structure) -> Facts:
    """All that laws say of lines."""
    flat: dict[int, frozenset[Address]] = {}
    totals: dict[int, Mapping[int, int]] = {}
    views: dict[int, View] = {}
    picks: dict[int, Pick] = {}
    over: dict[int, Mapping[int, int]] = {}
    steady: dict[int, frozenset[int]] = {}
    sums: dict[int, Mapping[int, Sum]] = {}
    facts, laws = Facts(flat, totals, views, picks, over, steady, sums), all_laws()
    for i in range(len(structure.network.nodes)):
        line = structure.lines.get(i)
        if line is None:
            flat[i] = _flat_constant(structure, i) if structure.fixed[i] else frozenset()
            continue
        law = laws[line.law]
        flat[i] = law.flat(structure, line, flat)
        totals[i] = law.totals(structure, line, facts)
        view = law.view(structure, line, views)
        if view is not None:
            views[i] = view
        over[i] = law.over(structure, line, facts)
        steady[i] = law.steady(structure, line, facts)
        sums[i] = law.sums(structure, line, facts)
        pick = law.pick(structure, line, picks)
        if pick is not None:
            picks[i] = pick
    return facts


def totals_of(structure: Structure) -> Mapping[int, Mapping[int, int]]:
    """Axes along which a line sums to 1 or to 0 for every data: {axis: 1 or 0}, by line."""
    return facts_of(structure).totals


def views_of(structure: Structure) -> Mapping[int, View]:
    """Lines that are a parameter moved, repeated and multiplied by a number."""
    return facts_of(structure).views


def _flat_constant(structure: Structure, i: int) -> frozenset[Address]:
    node = structure.network.nodes[i]
    if isinstance(node.leaf, Constant) and not node.leaf.unknown:
        index = node.leaf.index
        return frozenset(
            a for a in structure.top(i)
            if len(node.leaf.table) == 1 or not index.size or (
                index == index.take([0], axis=a[0])).all()
        )
    if node.op is None:
        return frozenset()
    return all_laws()[node.op.law].flat_of_constants(structure, i)
