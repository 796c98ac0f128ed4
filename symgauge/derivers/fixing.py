"""Scalings and shifts that use up a parameter, and the slices on which it is fixed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod

from symgauge.derivers.element import Structural
from symgauge.derivers.stage import Stage
from symgauge.families.family import Through
from symgauge.laws.facts import totals_of, views_of
from symgauge.proof.finite_actions import no_action
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


def slices_of(stage: Stage) -> list[tuple[Structural, Through]]:
    """Families that use up a gain or a norm's bias, none of which touches another's."""
    held: set[str] = set()
    chosen: list[tuple[Structural, Through]] = []
    for root, places in stage.met.items():
        gains = [i for i, _, _ in places if i in stage.gains]
        if not gains:
            continue
        for found in stage.on_leg(root, places):
            chosen += through(stage, found, held, gains)
    numbers = [i for i in stage.parameters if i in stage.gains and prod(stage.shapes[i]) == 1]
    for found in stage.on_tensors() if numbers else ():
        chosen += through(stage, found, held, numbers)
    for node in norm_biases(stage.structure):
        try:
            found = stage.shift(node, stage.structure.top(node))
        except NoLemma:
            continue
        chosen += through(stage, found, held, [node])
    return chosen


def through(
    stage: Stage, found: Structural, held: set[str], wanted: Sequence[int]
) -> list[tuple[Structural, Through]]:
    """The slice that a family allows, if it moves and reads none that is held."""
    family = found.family
    touched = {n for m in family.moves for n in (m.parameter, *m.reads)}
    if touched & held or any(m.sum_of for m in family.moves):
        return []
    for node in wanted:
        name = stage.names[node]
        own = [m for m in family.moves if m.parameter == name]
        if len(own) != 1 or abs(own[0].weight) != 1 or own[0].form not in ("s^k", "+c"):
            continue
        if any(m.at is not None and m.at.other_axes for m in family.moves):
            continue
        if any(m.weight.denominator != 1 for m in family.moves) or any(
                name in m.reads for m in family.moves):
            continue
        if prod(family.copies) * family.size != prod(stage.shapes[node]):
            continue
        shapes = {p.name: p.shape for p in stage.structure.network.parameters}
        if no_action(family, shapes) is not None:
            continue
        held.add(name)
        through = Through(name, family.kind, family.copies, family.size, family.moves)
        return [(found, through)]
    return []


def norm_biases(structure: Structure) -> Iterator[int]:
    """Parameters that are added to a value of sum 0 (times a gain): the biases of norms."""
    for line in structure.lines.values():
        if not line.adds:
            continue
        for bias, other in (line.inputs, line.inputs[::-1]):
            view = views_of(structure).get(bias)
            if view is None or len(structure.network.nodes[view.parameter].shape) != 1:
                continue
            if standardised(structure, other):
                yield view.parameter


def standardised(structure: Structure, node: int) -> bool:
    """Whether a value is a gain times a value of sum 0."""
    if 0 in totals_of(structure).get(node, {}).values():
        return True
    line = structure.lines.get(node)
    return line is not None and line.law == "product" and any(
        0 in totals_of(structure).get(j, {}).values() and k in views_of(structure)
        for j, k in (line.inputs, line.inputs[::-1])
    )
