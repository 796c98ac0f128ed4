"""Scalings whose logarithm is added to another parameter: exp(z + b) W, b + log s against W / s.

A gain that is written exp(b) is scaled so, and a bias in front of an exponential; log(W z) + b is
the other way round.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd

from symgauge.derivers.element import LOG, Element, Entry, Structural
from symgauge.derivers.stage import Stage
from symgauge.families.family import Family, Move
from symgauge.families.kinds.diagonal import SCALING
from symgauge.laws import all_laws
from symgauge.laws.weighing import WHOLE, Weight, Weights
from symgauge.program.moves import Address
from symgauge.proof.intertwiners.places import place_of
from symgauge.proof.intertwiners.weights import (
    Echelon, primitive, prove_weights, solve_weights,
)
from symgauge.spaces.line import NoLemma

#: The highest power of s that a parameter is multiplied by.
HIGHEST = 64
#: (parameter, address, the addresses that number copies).
_At = tuple[int, Address, tuple[Address, ...]]


def scalings_with_logarithms(stage: Stage) -> Iterator[Structural]:
    """Those of each leg, then those of whole tensors; none that scales alone, or adds alone."""
    structure = stage.structure
    if not any(all_laws()[line.law].takes_logarithms for line in structure.lines.values()):
        return
    for root, places in stage.met.items():
        for copies in stage.choices(places):
            at = [(i, a, stage.copy_addresses(i, a, copies)) for i, a, _ in places]
            found = list(_families(stage, (*copies, root), at))
            yield from found
            if found:
                break
    yield from _families(stage, (), [(i, WHOLE, ()) for i in stage.parameters])


def _families(stage: Stage, legs: tuple[int, ...], at: Sequence[_At]) -> Iterator[Structural]:
    n = len(at)
    known = Echelon([
        *(dict(enumerate(row)) for row in _solved(stage, at, ())),
        *(dict(enumerate(row, n)) for row in _solved(stage, (), at))])
    for row in _solved(stage, at, at):
        if not known.add(dict(enumerate(row))):
            continue
        weights = primitive(row)
        if max(map(abs, weights)) > HIGHEST:
            weights = _of_whole_powers(row, n)
        if weights:
            with contextlib.suppress(NoLemma):
                yield _family(stage, legs, at, weights)


def _of_whole_powers(row: Sequence[Fraction], n: int) -> list[Fraction]:
    """A multiple in which the first n, powers of s, are small and whole: no root of s is taken.

    Empty where there is none: a float as a factor of an exponent makes such weights.
    """
    powers = primitive(row[:n])
    common = Fraction(gcd(*map(int, powers)))
    if max(map(abs, powers)) > HIGHEST * common:
        return []
    scale = next(p / w for p, w in zip(powers, row, strict=False) if w) / common
    return [w * scale for w in row]


def _solved(stage: Stage, scaled: Sequence[_At], added: Sequence[_At]) -> list[list[Fraction]]:
    """The weights of factors, then those of logarithms, that leave the outputs."""
    unknowns = len(scaled) + len(added)
    one = [{k: Fraction(1)} for k in range(unknowns)]
    start, logs = dict[int, Weights](), dict[int, Weights]()
    for form, (i, a, copies) in zip(one, scaled, strict=False):
        start.setdefault(i, {})[a] = Weight(form, copies)
    for form, (i, a, copies) in zip(one[len(scaled):], added, strict=True):
        logs.setdefault(i, {})[a] = Weight(form, copies)
    try:
        return solve_weights(stage.structure, start, unknowns, logs)
    except NoLemma:
        return []


def _family(
    stage: Stage, legs: tuple[int, ...], at: Sequence[_At], row: Sequence[Fraction]
) -> Structural:
    """The family of these weights. Raises NoLemma where a leaf is no range of its axis."""
    structure, moves = stage.structure, list[Move]()
    given: dict[str, dict[int, Weights]] = {"s^k": {}, "+c": {}}
    entries: list[Entry] = []
    for k, weight in enumerate(row):
        i, a, copies = at[k % len(at)]
        form = "s^k" if k < len(at) else "+c"
        if not weight:
            continue
        place = place_of(structure, i, a, copies) if a else None
        moves.append(Move(stage.names[i], "s^k" if k < len(at) else "+c", place, weight))
        given[form].setdefault(i, {})[a] = Weight({0: weight}, copies)
        tag: tuple[object, ...] = (a[:-1],) if a else ()
        entries.append((i, (*copies, a) if a else (), (*tag, *(LOG,) * (form == "+c")), weight))
    steps = prove_weights(structure, given["s^k"], given["+c"])
    sizes = [structure.size(leg) for leg in legs]
    return Structural(
        Family(SCALING, tuple(sizes[:-1]), sizes[-1] if sizes else 1, tuple(moves), ()),
        Element(legs, tuple(entries)), 0, tuple(steps))
