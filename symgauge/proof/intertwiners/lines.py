"""The proof of a structural family as lines for a reader: line, lemma, and how the value varies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from symgauge.families.kind import Kind
from symgauge.laws import all_laws
from symgauge.laws.facts import totals_of
from symgauge.laws.shifting import Shifted, Term
from symgauge.laws.sweep import Step
from symgauge.laws.turning import Turned
from symgauge.laws.weighing import Scaled, Weights
from symgauge.program.moves import Address
from symgauge.proof.record import Line
from symgauge.spaces.structure import Structure


def proof_lines(
    structure: Structure, steps: Sequence[Step[Any]], kind: Kind | None = None
) -> Iterator[Line]:
    """One line for each step that is more than a move of entries.

    `kind` is the family's: where its matrices fix what sums to 0, a line says that of a summand.
    """
    for step in steps:
        line, law = step.line, all_laws()[step.line.law]
        if step.variation is None:
            yield Line(structure.numbers[line.node], line.label, f"does not vary ({law.forgets})")
        elif not law.silent:
            fixes = kind is not None and kind.fixes_sums_of_0
            fixed = fixes and line.adds and any(
                0 in totals_of(structure).get(j, {}).values() for j in line.inputs)
            text = variation(structure, line.node, step.variation)
            yield Line(structure.numbers[line.node], line.label, text + (
                " (what is added sums to 0 there: g fixes it)" if fixed else ""))


def variation(structure: Structure, node: int, value: object) -> str:
    """How a line varies, in words."""
    if isinstance(value, Turned):
        marks = [
            f"{'g' if mark.parity > 0 else 'g^-T'} on {_axis(structure, node, address)}"
            + (f", one for each index of {_axes(structure, node, mark.copies)}"
               if mark.copies else "")
            for address, mark in value.marks.items()
        ]
        return ("squares of: " if value.squared else "") + "; ".join(marks)
    if isinstance(value, Shifted):
        parts = [
            f"{_number(c)}{_term(structure, term)}"
            + (f" along {_axes(structure, node, [a for _, a in term.at])}" if term.at else "")
            for term, c in value.terms.items()
        ]
        if value.varying is not None:
            flat = [a for a in structure.top(node) if not any(
                b[:2] == a for b in value.varying)]
            parts.append(f"something constant along {_axes(structure, node, flat) or 'nothing'}")
        return "plus " + ", plus ".join(parts)
    if isinstance(value, Scaled):
        return "; ".join(
            [*_weights(structure, node, "weight {}", value.weights),
             *_weights(structure, node, "plus {} log s", value.logs)])
    return str(value)


def _weights(structure: Structure, node: int, words: str, weights: Weights) -> Iterator[str]:
    for address, w in weights.items():
        yield words.format(_weight(w)) + (
            f" on {_axis(structure, node, address)}" if address else "")


def _weight(weight: object) -> str:
    form: Mapping[int, Fraction] = getattr(weight, "form", {})
    return str(form.get(0, Fraction(0)))


def _number(c: Fraction) -> str:
    return "" if c == 1 else "-" if c == -1 else f"{c} "


def _term(structure: Structure, term: Term) -> str:
    if term.by:
        *by, (node, axis) = term.by
        less = _term(structure, replace(term, by=tuple(by)))
        return f"{less} times the sum of line {structure.numbers[node]} along axis {axis}"
    if term.times is not None:
        of, over = (None if i is None else structure.network.nodes[i].label
                    for i in (term.times.of, term.times.over))
        return f"{_term(structure, replace(term, times=None))} times the sum of {of}" + (
            f" / {over}" if over else "")
    if term.over is not None:
        return f"c / {structure.network.nodes[term.over].label}"
    if term.source is None:
        return "c"
    source = structure.network.nodes[term.source]
    rows = len(source.shape) > 1 and {address[0] for address in term.contracted} == {0}
    return f"{source.label}{'^T' if rows else ''} c"


def _axis(structure: Structure, node: int, address: Address) -> str:
    """The axis of a leaf, and which factor or summand of it."""
    text = f"axis {address[0]}"
    factors = len(structure.leaves(node, address[0]))
    if factors > 1:
        text += f" (factor {address[1] + 1} of {factors})"
    if len(address) > 2:
        text += f" (part {address[2] + 1})"
    return text


def _axes(structure: Structure, node: int, addresses: Sequence[Address]) -> str:
    return ", ".join(dict.fromkeys(_axis(structure, node, a) for a in addresses))
