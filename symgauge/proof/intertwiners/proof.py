"""Families proved by the intertwiners of their moves, whatever their size; no field is made.

Through slices: the family of a slice is proved first, on the program with the slices outside of
it fixed; it reaches the slice from every value of its parameter (`network.carry`), and the family
itself is proved on the slice. A scaling by s < 0 too, where only multilinear laws see it: the
slice is then reached from all values but 0. Else it is reached from those of one sign alone, and
X f = 0 holds beyond them where f is analytic.

A slice whose family leaves f unchanged only as its one reader sees the parameter (a norm's gain,
where a skip takes the norm too) is one of the program in which that reader has a copy of its own
(`program.untied`): what moves neither may go through it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property
from math import prod
from typing import Any

from symgauge.domains.signs import analytic_everywhere
from symgauge.families.carry import Slice, carried, near, require_transitive
from symgauge.families.changes import in_first, needed
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Family, Move, Place, Through, held_values, reader_of
from symgauge.families.kind import MatrixKind
from symgauge.families.offsets import without_offsets
from symgauge.families.parts import has_parts, of_parts
from symgauge.laws import all_laws
from symgauge.laws.sweep import Step
from symgauge.laws.turning import Mark
from symgauge.laws.weighing import WHOLE, Weight, Weights
from symgauge.lie.fields import VectorField
from symgauge.program.absorbed import Change, absorbed
from symgauge.program.lower import is_piecewise
from symgauge.program.moves import Address
from symgauge.program.network import Network
from symgauge.program.parted import Parted, parted
from symgauge.program.recentred import recentred
from symgauge.program.untied import copy_for, untied
from symgauge.proof.intertwiners.lines import proof_lines
from symgauge.proof.intertwiners.matrices import prove_matrix
from symgauge.proof.intertwiners.places import address_of, shift_moves
from symgauge.proof.intertwiners.shifts import prove_shift
from symgauge.proof.intertwiners.weights import prove_weights
from symgauge.proof.record import Proof
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure
from symgauge.verdict import Verdict

NO_CHANGE = "changes of coordinates that are not those of the program"
NO_PART = "a part of a tensor that the program does not take apart"
METHOD = "intertwiners, one lemma a line, for every size of the legs"


class FamilyProver:
    """Proves families of one network."""

    def __init__(self, network: Network, numbers: Sequence[int] | None = None) -> None:
        """`numbers` are what a reader of a proof calls the lines."""
        self.network, self._numbers = network, numbers
        self.coordinates = Coordinates(network)
        #: The program in w' = u + w: families are proved there.
        self._centred = recentred(network)
        self._slices: dict[tuple[Through, ...], Structure] = {}
        #: Whether the family of a slice is proved on the program without slices.
        self._alone: dict[Through, bool] = {}
        self._back: dict[Through, Slice] = {}

    def prove(self, family: Family) -> Proof:
        """The verdict on X f = 0 for all fields of the family; UNKNOWN says what has no lemma.

        Raises KeyError or ValueError where the moves name nothing of the network.
        """
        if family.changes:
            of_changed = self._in_changed(family)
            return Proof(Verdict.UNKNOWN, METHOD, (), NO_CHANGE) if of_changed is None else (
                of_changed.prove(replace(family, changes=())))
        whole = None if has_parts(family) else self._proof_of(family)
        if whole is not None and whole.verdict is Verdict.PROVED or not self._cut.parts:
            return whole or Proof(Verdict.UNKNOWN, METHOD, (), NO_PART)
        there = of_parts(family, self._cut.parts)
        if there is None:
            return whole or Proof(Verdict.UNKNOWN, METHOD, (), NO_PART)
        return self._of_parts.prove(there)

    @cached_property
    def _absorbed(self) -> tuple[FamilyProver, tuple[Change, ...]]:
        """The prover of the program in which fixed vectors are part of parameters, the changes."""
        found = absorbed(self.network)
        return FamilyProver(found.network, self._numbers), found.changes

    def _in_changed(self, family: Family) -> FamilyProver | None:
        """That prover, where the family's changes are all that change it."""
        there, changes = self._absorbed
        return there if needed(changes, family) == family.changes else None

    @cached_property
    def _cut(self) -> Parted:
        return parted(self.network)

    @cached_property
    def _of_parts(self) -> FamilyProver:
        """The prover of the program in which parameters are cut."""
        return FamilyProver(self._cut.network, self._cut.numbers)

    def _proof_of(self, family: Family) -> Proof:
        try:
            structure, steps = self.steps(family)
        except NoLemma as reason:
            return Proof(Verdict.UNKNOWN, METHOD, (), str(reason))
        return Proof(Verdict.PROVED, METHOD, tuple(proof_lines(structure, steps, family.kind)))

    def steps(self, family: Family) -> tuple[Structure, Sequence[Step[Any]]]:
        """The program on the family's slices, and its proof there. Raises NoLemma without one."""
        plain = without_offsets(family, self._centred.offsets)
        if plain is None:
            raise NoLemma("a gain with another offset than the program's")
        structure = self._on(plain.via)
        _require_untouched(family.moves, family.via)
        return structure, steps_of(structure, plain)

    def fields(self, family: Family) -> tuple[VectorField, ...] | None:
        """The family's fields, carried back; None where one is no Laurent polynomial.

        Raises NoLemma where a slice is not proved.
        """
        if family.changes:
            there = self._in_changed(family)
            if there is None:
                raise NoLemma(NO_CHANGE)
            return in_first(
                there.fields(replace(family, changes=())), family.changes, self.coordinates)
        self._require_slices(family)
        slices = near(family)
        for through in slices:
            if through not in self._back:
                self._back[through] = Slice(through, self.coordinates)
        return carried(self.coordinates.fields_of(family), [self._back[t] for t in slices])

    def _require_slices(self, family: Family) -> None:
        """Raise NoLemma where a slice is not proved."""
        if not has_parts(family):
            plain = without_offsets(family, self._centred.offsets)
            if plain is None:
                raise NoLemma("a gain with another offset than the program's")
            with contextlib.suppress(*() if not self._cut.parts else (NoLemma,)):
                self._on(plain.via)
                return
        there = of_parts(family, self._cut.parts)
        if there is None:
            raise NoLemma(NO_PART)
        self._of_parts._require_slices(there)

    @cached_property
    def _analytic(self) -> bool:
        """Whether f is known to be analytic for all parameters (never said where it has flows)."""
        return not (is_piecewise(self.network) or self.network.has_flows) and (
            analytic_everywhere(self.network))

    def _on(self, via: tuple[Through, ...]) -> Structure:
        """The program on the slices. Raises NoLemma where one is not proved."""
        if via not in self._slices:
            if not via:
                self._slices[via] = Structure(self._centred.network, numbers=self._numbers)
            else:
                self._slices[via] = self._at_once(via) or self._one_by_one(via)
        return self._slices[via]

    def _at_once(self, via: tuple[Through, ...]) -> Structure | None:
        """The program on slices whose families are all proved on the program without slices.

        Such a family leaves f unchanged also where others are fixed: it moves and reads none of
        what they hold.
        """
        whole = self._on(())
        for k, through in enumerate(via):
            if through not in self._alone:
                self._alone[through] = self._stands_alone(through)
            if not self._alone[through]:
                return None
            _require_untouched(through.moves, via[:k])
        return Structure(whole.network.fixed(held_values(via)), numbers=whole.numbers)

    def _stands_alone(self, through: Through) -> bool:
        family = Family(through.kind, through.copies, through.size, through.moves, ())
        try:
            steps = steps_of(self._on(()), family)
        except NoLemma:
            return False
        self._require_reached(through, steps)
        return True

    def _require_reached(self, through: Through, steps: Sequence[Step[Any]]) -> None:
        """Raise unless the slice is reached from every value of its parameter."""
        require_transitive(through, self.coordinates)
        both = all(all_laws()[step.line.law].multilinear for step in steps)
        if through.kind.is_scaling and not both and not self._analytic:
            raise NoLemma("a slice that a scaling reaches from one side alone")

    def _one_by_one(self, via: tuple[Through, ...]) -> Structure:
        *outer, through = via
        structure = self._on(tuple(outer))
        _require_untouched(through.moves, outer)
        structure, own, steps = _slice(structure, through)
        self._require_reached(through, steps)
        held = structure.network.fixed(held_values([own]))
        return Structure(held, numbers=structure.numbers)


def _require_untouched(moves: Sequence[Move], via: Sequence[Through]) -> None:
    """Raise NoLemma where what slices hold is moved or read: others than a reader may see it."""
    held = {t.parameter for t in via}
    for move in moves:
        if {move.parameter, *move.reads} & held:
            raise NoLemma(f"{move.parameter} moves or reads what a slice holds")


def _slice(
    structure: Structure, through: Through
) -> tuple[Structure, Through, Sequence[Step[Any]]]:
    """The program in which a slice's own family is proved, with its names there, and the proof.

    Raises NoLemma where there is none, for all that read the parameter or for one reader alone.
    """
    family = Family(through.kind, through.copies, through.size, through.moves, ())
    try:
        return structure, through, steps_of(structure, family)
    except NoLemma:
        reader = reader_of(through)
        names = set(structure.names.values())
        if reader is None or not {reader, through.parameter} <= names:
            raise
        copy = copy_for(through.parameter, reader)
        if copy in names:
            raise
    copies = untied(structure.network, {reader: [through.parameter]})
    moves = tuple(
        replace(m, parameter=copy) if m.parameter == through.parameter else m
        for m in through.moves)
    own = replace(through, parameter=copy, moves=moves)
    there = Structure(copies.network, numbers=[structure.numbers[i] for i in copies.numbers])
    return there, own, steps_of(there, replace(family, moves=moves))


def steps_of(structure: Structure, family: Family) -> Sequence[Step[Any]]:
    """The proof of a family's own moves, from their places. Raises NoLemma where there is none."""
    numbers = {name: i for i, name in structure.names.items()}
    missing = [m.parameter for m in family.moves if m.parameter not in numbers]
    if missing or not family.moves:
        raise NoLemma(f"{missing[0]} is held" if missing else "nothing moves")
    if isinstance(family.kind, MatrixKind):
        return _matrix(structure, family, family.kind, numbers)
    if family.kind.is_scaling:
        return _scaling(structure, family, numbers)
    if family.kind.is_shift:
        return _shift(structure, family, numbers)
    raise NoLemma("a family without a finite action")


def _located(
    structure: Structure, family: Family, move: Move, node: int
) -> tuple[Address, tuple[Address, ...], bool]:
    """Where a move acts. Raises NoLemma where the element has other sizes there."""
    if move.at is None:
        if prod(family.copies) * family.size != 1:
            raise NoLemma("a whole tensor moves by several factors")
        return WHOLE, (), False
    sizes = move.at.sizes
    along = move.at.along
    if isinstance(along, tuple) or not _numbered_apart(move.at, along):
        raise NoLemma("copies that are no factors beside the element's own")
    if sizes[along] != family.size or (
            move.at.copies != family.copies):
        raise NoLemma("an element of another size")
    return address_of(structure, node, move.at)


def _numbered_apart(at: Place, along: int) -> bool:
    """Whether the factors of a place are there, and those of its copies none of the element's."""
    factors = [along, *(k for k in at.per if isinstance(k, int))]
    axes = [at.axis, *at.other_axes]
    return (
        all(0 <= k < len(at.sizes) for k in factors) and min(axes) >= 0
        and len(set(factors)) == len(factors) and len(set(axes)) == len(axes))


def _matrix(
    structure: Structure, family: Family, kind: MatrixKind, numbers: dict[str, int]
) -> Sequence[Step[Any]]:
    start: dict[int, dict[Address, Mark]] = {}
    forms = {"gT": 1} if kind.of_form else {"g": 1, "g^-T": -1}
    taken, weights = set(), {m.source for m in family.moves}
    for move in family.moves:
        node = numbers[move.parameter]
        address, copies, halves = _located(structure, family, move, node)
        if move.form not in forms or address in start.get(node, {}):
            raise NoLemma(f"{move.form} on {move.parameter}")
        taken.add(halves)
        start.setdefault(node, {})[address] = Mark(forms[move.form], copies)
    # halves are the entries of pairs that turn
    if len(taken) != 1 or kind.commutes_with_turns < taken.pop() or (
            kind.size not in (None, family.size)):
        raise NoLemma("halves of a leg")
    (form,) = (None if w is None else numbers.get(w) for w in weights) if len(weights) == 1 else (
        None,)
    if kind.of_form and (form is None or form in start or family.copies):
        raise NoLemma("a form whose coefficients move")
    return prove_matrix(structure, kind, start, form)


def _scaling(structure: Structure, family: Family, numbers: dict[str, int]) -> Sequence[Step[Any]]:
    given: dict[str, dict[int, Weights]] = {"s^k": {}, "+c": {}}
    for move in family.moves:
        node = numbers[move.parameter]
        address, copies, halves = _located(structure, family, move, node)
        if move.form not in given or move.offset or halves or (
                address in given[move.form].get(node, {})):
            raise NoLemma(f"{move.form} on {move.parameter}")
        given[move.form].setdefault(node, {})[address] = Weight({0: move.weight}, copies)
    return prove_weights(structure, given["s^k"], given["+c"])


def _shift(structure: Structure, family: Family, numbers: dict[str, int]) -> Sequence[Step[Any]]:
    first = family.moves[0]
    node = numbers[first.parameter]
    address, copies, halves = _located(structure, family, first, node)
    alone = len(family.moves) == 1
    over = numbers.get(first.source or "") if first.form == "+c/T" else None
    if first.form not in ("+c", "+c/T") or (over is None) != (first.form == "+c"):
        raise NoLemma(f"{first.form} on {first.parameter}")
    proved = prove_shift(structure, node, (*copies, address) if address else (), alone, over)
    if halves or set(shift_moves(structure, proved)) != set(family.moves):
        raise NoLemma("the moves are not those that compensate the shift")
    return proved.steps
