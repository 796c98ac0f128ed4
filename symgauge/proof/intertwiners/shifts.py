"""A shift of one parameter, and what others move by to compensate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from symgauge.laws.facts import facts_of
from symgauge.laws.shifting import OVER, Shifted, Shifting, Term
from symgauge.laws.sweep import Step, shifted
from symgauge.program.moves import Address
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class Compensated:
    """A proved family of shifts: what each parameter's line moves by, and the steps."""

    moves: Mapping[int, Mapping[Term, Fraction]]
    steps: Sequence[Step[Shifted]]


def prove_shift(
    structure: Structure, parameter: int, leaves: Sequence[Address], alone: bool = False,
    over: int | None = None,
) -> Compensated:
    """The parameter moves by c on these leaves, constant along its others; others compensate.

    By c / T where a parameter T is given that c is `over`: T is along the last axis. Where it moves
    `alone` none does. Else first parameters that are summands themselves compensate; then those
    inside a summand that is a sum. Raises NoLemma where no compensation is found.
    """
    at: tuple[tuple[Any, Address], ...] = tuple(enumerate(leaves))
    if over is not None:
        at += ((OVER, last_leaf(structure, parameter)),)
    term = Term(at, over=over)
    try:
        return _compensated(structure, parameter, term, absorbs=not alone)
    except NoLemma:
        if alone:
            raise
        return _compensated(structure, parameter, term, absorbs=True, deep=True)


def last_leaf(structure: Structure, parameter: int) -> Address:
    """The only leaf of the last axis of a parameter. Raises NoLemma where there are others."""
    last = len(structure.axes[parameter]) - 1
    leaves = [a for a in structure.top(parameter) if a[0] == last]
    if len(leaves) != 1:
        raise NoLemma("a last axis of several legs")
    return leaves[0]


def _compensated(
    structure: Structure, parameter: int, term: Term, absorbs: bool, deep: bool = False,
) -> Compensated:
    moves: dict[int, dict[Term, Fraction]] = {parameter: {term: Fraction(1)}}
    while True:
        shifting = Shifting(structure, facts_of(structure), moves, absorbs, deep)
        steps, ends = shifted(shifting, {i: Shifted(terms) for i, terms in moves.items()})
        if shifting.absorbed is not None:
            target, terms = shifting.absorbed
            moves[target] = terms
            continue
        if ends:
            raise NoLemma("an output is shifted")
        return Compensated(moves, steps)
