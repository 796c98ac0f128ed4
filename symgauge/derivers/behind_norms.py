"""What reads a norm whose gain or bias stays, since a skip or a tied table takes the norm too.

y = gamma n + beta, where n sums to 0. A reader of y, W y + b, is W' n + b' with W' = W diag(gamma)
and b' = b + W beta: W' moves by a vector times 1^T, whatever else reads y. That is found in the
program in which each reader has its own gamma and beta: they are brought to 1 and to 0 there.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction

from symgauge.derivers.element import OVER, Element, Structural
from symgauge.derivers.fixing import standardised, through
from symgauge.derivers.stage import Stage
from symgauge.families.family import Family, Move, Place, Through, held_values
from symgauge.families.kinds.diagonal import SCALING
from symgauge.laws import all_laws
from symgauge.laws.facts import totals_of, views_of
from symgauge.laws.weighing import Weight, Weights
from symgauge.program.moves import Address
from symgauge.program.untied import copy_for, untied
from symgauge.proof.intertwiners.places import place_of
from symgauge.proof.intertwiners.weights import prove_weights
from symgauge.spaces.facts import is_one, is_zero
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class _Reading:
    """A matrix that reads a norm: where it is contracted, and the norm's parameters that stay."""

    reader: int
    leaves: tuple[Address, ...]
    gain: int | None
    bias: int | None

    @property
    def stays(self) -> list[int]:
        return [i for i in (self.bias, self.gain) if i is not None]


def shifts_behind_norms(
    structure: Structure, counted: Structure, known: Container[tuple[str, Place | None]]
) -> Iterator[Structural]:
    """The shifts of readers over gains that stay, through slices of the readers' own copies.

    `counted`: the program on whose legs dimensions are counted, with the same lines. `known`: where
    shifts are known already; a reader that is shifted so is left out.
    """
    names, found = structure.names, _readers(structure, known)
    copied = {copy_for(p, name) for name, own in found.items() for p in own}
    if not found or copied & set(names.values()):
        return
    # what others see of the norm compensates nothing, nor do copies of other readers
    free = set(names.values()).difference(*found.values())
    copies = untied(structure.network, found)
    network, numbers = copies.network, [structure.numbers[i] for i in copies.numbers]
    slices: dict[str, list[Through]] = {name: [] for name in found}
    for way in (_without_bias, _without_gain):
        here = Structure(network, numbers=numbers)
        stage = Stage(here)
        fixed: list[Through] = []
        for r in _readings(here):
            name = here.names[r.reader]
            there = way(stage, r) if name in slices else None
            if there is not None and there.parameter in (
                    copy_for(p, name) for p in found[name]) and _others(there) <= free:
                slices[name].append(there)
                fixed.append(there)
        network = network.fixed(held_values(fixed))
    last = Stage(Structure(network, numbers=numbers))
    before = {n: i for i, n in counted.names.items()}
    for name, own in slices.items():
        if len(own) == len(found[name]):
            others = [t for other in slices for t in slices[other] if other != name]
            yield from _shifts_of(counted, before[name], last, name, found[name], own, others)


def _readers(
    structure: Structure, known: Container[tuple[str, Place | None]]
) -> dict[str, list[str]]:
    """By the matrix that reads a norm: what stays of the norm; without those shifted already."""
    names = structure.names
    return {
        names[r.reader]: [names[i] for i in r.stays] for r in _readings(structure)
        if r.leaves and not any(
            (names[r.reader], place) in known for place in _places_beside(structure, r))}


def _readings(structure: Structure) -> Iterator[_Reading]:
    """Matrices that are contracted once with a norm of which a parameter stays."""
    seen: dict[int, list[_Reading | None]] = {}
    for line in structure.lines.values():
        if line.law != "contraction":
            continue
        rank = len(line.shape)
        for k, axis in ((0, rank - 2), (1, rank - 1)):
            view = views_of(structure).get(line.inputs[1 - k])
            if view is None:
                continue
            back = {there: mine for mine, there in view.places.items()}
            inner = [a for a in structure.top(line.inputs[1 - k]) if a[0] == axis]
            norm = _norm(structure, line.inputs[k])
            leaves = tuple(back[a] for a in inner if a in back)
            whole = norm is not None and len(leaves) == len(inner)
            seen.setdefault(view.parameter, []).append(
                _Reading(view.parameter, leaves, *norm) if norm is not None and whole else None)
    for readings in seen.values():
        if len(set(readings)) == 1 and readings[0] is not None:
            yield readings[0]


def _places_beside(structure: Structure, r: _Reading) -> Iterator[Place]:
    """Where shifts of the reader may sit that are constant along what it contracts."""
    for address, _ in structure.addresses(r.reader):
        found = structure.range_of(r.reader, address)
        if address[0] != r.leaves[0][0] and found is not None:
            yield place_of(structure, r.reader, address)
            yield place_of(structure, r.reader, address, found.factors[:found.along])


def _norm(structure: Structure, node: int) -> tuple[int | None, int | None] | None:
    """The gain and the bias of a norm that sums to 0 without them; None where neither stays."""
    views = views_of(structure)
    while (line := structure.lines.get(node)) is not None and (
            (before := _passed(structure, line)) is not None):
        node = before
    gain = bias = None
    if line is not None and line.adds:
        for k, other in (line.inputs, line.inputs[::-1]):
            if k in views and standardised(structure, other):
                bias, node = views[k].parameter, other
                line = structure.lines.get(node)
                break
    if line is not None and line.law == "product":
        for k, other in (line.inputs, line.inputs[::-1]):
            if k in views and 0 in totals_of(structure).get(other, {}).values():
                gain = views[k].parameter
    return None if gain is None and bias is None else (gain, bias)


def _passed(structure: Structure, line: Line) -> int | None:
    """What a line moves, or adds 0 to, or multiplies by 1."""
    if all_laws()[line.law].silent:
        return line.inputs[0]
    for k, other in (line.inputs, line.inputs[::-1]) if len(line.inputs) == 2 else ():
        if line.adds and is_zero(structure, k) or line.law == "product" and is_one(structure, k):
            return other
    return None


def _without_bias(stage: Stage, r: _Reading) -> Through | None:
    """The slice on which the reader's own bias of the norm is 0."""
    if r.bias is None:
        return None
    try:
        found = stage.shift(r.bias, stage.structure.top(r.bias))
    except NoLemma:
        return None
    return next((t for _, t in through(stage, found, set(), [r.bias])), None)


def _without_gain(stage: Stage, r: _Reading) -> Through | None:
    """The slice on which the reader's own gain is 1: what it reads is scaled, it inversely."""
    if r.gain is None:
        return None
    structure = stage.structure
    *copies, last = structure.top(r.gain)
    given: dict[int, Weights] = {
        r.gain: {last: Weight({0: Fraction(1)}, tuple(copies))},
        r.reader: {r.leaves[-1]: Weight({0: Fraction(-1)}, r.leaves[:-1])},
    }
    try:
        steps = prove_weights(structure, given)
        moves = tuple(
            Move(stage.names[i], "s^k", place_of(structure, i, a, w.copies), w.form[0])
            for i, weights in given.items() for a, w in weights.items())
    except NoLemma:
        return None
    sizes = tuple(structure.size(structure.leg_at(r.gain, a)) for a in copies)
    n = structure.size(structure.leg_at(r.gain, last))
    found = Structural(Family(SCALING, sizes, n, moves, ()), Element((), ()), 0, tuple(steps))
    return next((t for _, t in through(stage, found, set(), [r.gain])), None)


def _shifts_of(
    counted: Structure, node: int, last: Stage, name: str, stays: list[str],
    own: list[Through], others: list[Through],
) -> Iterator[Structural]:
    """The shifts of one reader on its slices, with its own copies named as what they copy."""
    numbers = {n: i for i, n in last.names.items()}
    touched = {m.parameter for t in others for m in t.moves}
    via = tuple(_renamed(t, {copy_for(p, name): p for p in stays}) for t in own)
    axis = {m.at.axis for t in via for m in t.moves if m.parameter == name and m.at is not None} | {
        m.at.axis for t in via for m in t.moves if m.source == name and m.at is not None}
    for found in last.shifts_of(numbers[name]):
        _, leaves = found.origin or (0, ())
        moved = [m.parameter for m in found.family.moves]
        if moved != [name] or name in touched or not leaves or leaves[0][0] in axis:
            continue
        try:
            legs = tuple(counted.leg_at(node, a) for a in leaves)
        except IndexError:
            continue
        tag = (OVER, *stays)
        yield replace(
            found, family=replace(found.family, via=via), own=via, on=last.structure,
            element=Element(legs, ((node, tuple(leaves), tag, Fraction(1)),)),
            origin=(node, tuple(leaves)))


def _others(through: Through) -> set[str]:
    """What a slice's family moves and reads but the slice's own parameter."""
    names = {n for m in through.moves for n in (m.parameter, *m.reads)}
    return names - {through.parameter}


def _renamed(through: Through, names: dict[str, str]) -> Through:
    moves = tuple(replace(m, parameter=names.get(m.parameter, m.parameter)) for m in through.moves)
    return replace(through, parameter=names[through.parameter], moves=moves)
