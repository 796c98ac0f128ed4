"""Families in other coordinates of parameters (`program.absorbed`), and their fields in the first.

A change is linear, or adds numbers: an action in the new coordinates, between the change and its
inverse, is an action in the first ones, and its field is the one pulled back.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from symgauge.families.carry import Polynomial, in_other
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, Through
from symgauge.lie.fields import Monomial, Number, VectorField
from symgauge.program.absorbed import Change


def needed(changes: Sequence[Change], family: Family) -> tuple[Change, ...]:
    """The changes of what the family and its slices move or read, and of what those need.

    The others change nothing of the family's fields.
    """
    every = (*family.moves, *(m for t in family.via for m in t.moves))
    touched: set[str | None] = {t.parameter for t in family.via}
    touched.update(n for m in every for n in (m.parameter, *m.reads))
    while True:
        found = tuple(c for c in changes if {c.parameter, c.source} & (touched - {None}))
        more = {n for c in found for n in (c.parameter, c.source)} - touched
        if not more:
            return found
        touched |= more


def after(family: Family, through: Through) -> Iterator[Family]:
    """A scaling after that of a slice, or after its inverse, on no slice.

    Scalings commute: beside the slice's own family it is in place of the family on the slice.
    """
    if not (family.kind.is_scaling and family.kind is through.kind and (
            family.copies, family.size) == (through.copies, through.size)):
        return
    for sign in (1, -1):
        weights: dict[Move, Fraction] = {}
        for moves, factor in ((family.moves, 1), (through.moves, sign)):
            for m in moves:
                place = replace(m, weight=Fraction(1))
                weights[place] = weights.get(place, Fraction(0)) + factor * m.weight
        moves = tuple(replace(m, weight=w) for m, w in weights.items() if w)
        yield replace(family, moves=moves, via=())


def in_first(
    fields: Iterable[VectorField] | None, changes: Sequence[Change], coordinates: Coordinates
) -> tuple[VectorField, ...] | None:
    """The fields in the first coordinates; None where one is no Laurent polynomial."""
    out = []
    for f in () if fields is None else fields:
        found: VectorField | None = f
        for change in reversed(changes):
            found = None if found is None else _pulled_back(found, change, coordinates)
        if found is None:
            return None
        out.append(found)
    return None if fields is None else tuple(out)


def _pulled_back(
    field: VectorField, change: Change, coordinates: Coordinates
) -> VectorField | None:
    at = coordinates.whole(change.parameter).reshape(-1).tolist()
    numbers = dict(zip(at, change.numbers, strict=True))
    if change.form == "s^k":
        return _unscaled(field, numbers)
    source: dict[int, Monomial] = {k: () for k in at}
    if change.source is not None:
        read = coordinates.whole(change.source).reshape(-1).tolist()
        source = {k: ((j, 1),) for k, j in zip(at, read, strict=True)}
    # w' = w + n T, and w moves as w' does less n times what T does
    added: dict[int, Polynomial] = {k: {source[k]: -n} for k, n in numbers.items()}
    found = in_other(field, added)
    if found is None or change.source is None:
        return found
    of = {j: k for k, ((j, _),) in source.items()}
    more: list[tuple[int, Monomial, Number]] = [
        (of[k], m, -numbers[of[k]] * c) for (k, m), c in found.terms.items() if k in of]
    return VectorField.collect([*((k, m, c) for (k, m), c in found.terms.items()), *more])


def _unscaled(field: VectorField, numbers: Mapping[int, Fraction]) -> VectorField:
    """The field in w, where it is given in w' = n w."""
    out: list[tuple[int, Monomial, Number]] = []
    for (k, m), c in field.terms.items():
        value = c / numbers.get(k, 1)
        for j, e in m:
            value *= numbers[j] ** e if j in numbers else 1
        out.append((k, m, value))
    return VectorField.collect(out)
