"""A shift of one parameter, and what others move by to compensate it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from symgauge.laws.facts import facts_of
from symgauge.laws.shifting import Shifted, Shifting, Term
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
    structure: Structure, parameter: int, leaves: Sequence[Address], alone: bool = False
) -> Compensated:
    """The parameter moves by c on these leaves, constant along its others; others compensate.

    Where it moves `alone` none does. Else first parameters that are summands themselves compensate;
    then those inside a summand that is a sum. Raises NoLemma where no compensation is found.
    """
    try:
        return _compensated(structure, parameter, leaves, absorbs=not alone)
    except NoLemma:
        if alone:
            raise
        return _compensated(structure, parameter, leaves, absorbs=True, deep=True)


def _compensated(
    structure: Structure, parameter: int, leaves: Sequence[Address], absorbs: bool,
    deep: bool = False,
) -> Compensated:
    moves: dict[int, dict[Term, Fraction]] = {
        parameter: {Term(tuple(enumerate(leaves))): Fraction(1)}
    }
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
