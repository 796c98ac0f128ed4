"""A given matrix on legs of parameters, and the parameters that must turn along."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symgauge.families.kind import MatrixKind
from symgauge.laws.facts import facts_of
from symgauge.laws.sweep import Step, turned
from symgauge.laws.turning import Marks, Turned, Turning
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


def prove_matrix(
    structure: Structure, kind: MatrixKind, start: Mapping[int, Marks], form: int | None = None
) -> list[Step[Turned]]:
    """The proof that the outputs do not vary. Raises NoLemma where a line has no lemma.

    `form`: the parameter T, which does not move, of matrices S diag(T).
    """
    turning = Turning(structure, facts_of(structure), kind, form=form)
    steps, ends = turned(turning, {i: Turned(m) for i, m in start.items() if m})
    if ends:
        raise NoLemma("an output turns")
    return steps


@dataclass(frozen=True)
class Joined:
    """A proved family of matrices: the marks of the parameters that turn, and the steps."""

    marks: Mapping[int, Marks]
    steps: list[Step[Turned]]


def prove_joined(structure: Structure, kind: MatrixKind, start: Mapping[int, Marks]) -> Joined:
    """The parameters that must turn along with those of the start, and the proof.

    A parameter joins where a value that turns is added to it or contracted with it, or with a sum
    in which it is. Raises NoLemma where that is not enough.
    """
    marks = {i: dict(own) for i, own in start.items()}
    while True:
        turning = Turning(structure, facts_of(structure), kind, marks)
        steps, ends = turned(turning, {i: Turned(m) for i, m in marks.items()})
        if turning.joined is not None:
            node, address, mark = turning.joined
            marks.setdefault(node, {})[address] = mark
            continue
        if ends:
            raise NoLemma("an output turns")
        return Joined(marks, steps)
