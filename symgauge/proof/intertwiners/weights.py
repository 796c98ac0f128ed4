"""Positive scalings of parameters: the weights that leave the outputs, found or given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import lcm

from symgauge.laws.facts import facts_of
from symgauge.laws.sweep import Step, weighed
from symgauge.laws.weighing import Form, Scaled, Weighing, Weights, sum_of, times
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure

NONE = Fraction(0)


def solve_weights(
    structure: Structure, start: Mapping[int, Weights], unknowns: int,
    logs: Mapping[int, Weights] | None = None,
) -> list[list[Fraction]]:
    """A basis of the weights that leave the outputs as they are, one row a solution.

    `logs`: weights with which logarithms of the factors are added to parameters.

    The last unknowns are the free ones: each basis row has 1 at one of them, 0 at the others.
    Raises NoLemma where factors would mix, whatever their weights.
    """
    equations, _ = _swept(structure, start, logs)
    return nullspace(equations, unknowns)


def prove_weights(
    structure: Structure, start: Mapping[int, Weights], logs: Mapping[int, Weights] | None = None
) -> list[Step[Scaled]]:
    """The proof that given weights, on unknown 0, leave the outputs as they are.

    Raises NoLemma where they do not.
    """
    equations, steps = _swept(structure, start, logs)
    if any(c for form in equations for c in form.values()):
        raise NoLemma("the weights do not cancel")
    if any(s.variation is not None and s.variation.weights and s.variation.logs for s in steps):
        raise NoLemma("a line is scaled, and a logarithm is added to it")
    return steps


def _swept(
    structure: Structure, start: Mapping[int, Weights], logs: Mapping[int, Weights] | None
) -> tuple[list[Form], list[Step[Scaled]]]:
    """What the weights must satisfy, and the steps."""
    weighing = Weighing(structure, facts_of(structure))
    steps, ends = weighed(weighing, start, logs)
    for found in ends.values():
        weighing.vanish([*found.weights.values(), *found.logs.values()])
    return weighing.equations, steps


class Echelon:
    """Sparse rows of numbers: those that are independent, each divided by its first entry."""

    def __init__(self, forms: Iterable[Form] = ()) -> None:
        #: By the column where it begins.
        self.rows: dict[int, dict[int, Fraction]] = {}
        for form in forms:
            self.add(form)

    def add(self, form: Form) -> bool:
        """Take a row; whether it is no combination of those before.

        >>> rows = Echelon([{0: Fraction(1), 1: Fraction(2)}])
        >>> rows.add({0: Fraction(2), 1: Fraction(4)}), rows.add({1: Fraction(3)})
        (False, True)
        """
        row = {k: c for k, c in form.items() if c}
        while row:
            k = min(row)
            factor = row[k]
            if k not in self.rows:
                self.rows[k] = {j: c / factor for j, c in row.items()}
                return True
            for j, c in self.rows[k].items():
                row[j] = row.get(j, NONE) - factor * c
                if not row[j]:
                    del row[j]
        return False


def nullspace(equations: Iterable[Form], unknowns: int) -> list[list[Fraction]]:
    """Solutions of form = 0 for all forms, by elimination of the first unknown of each."""
    rows = Echelon(equations).rows
    #: Each unknown in the free ones.
    known: dict[int, Form] = {k: {k: Fraction(1)} for k in range(unknowns) if k not in rows}
    basis = {k: [NONE] * unknowns for k in known}
    for k in sorted(rows, reverse=True):
        known[k] = sum_of(*(times(known[j], -c) for j, c in rows[k].items() if j != k))
    for k, form in known.items():
        for free, c in form.items():
            basis[free][k] = c
    return list(basis.values())


def primitive(row: Sequence[Fraction]) -> list[Fraction]:
    """The row in integers without a common factor."""
    scale = lcm(*(w.denominator for w in row)) if row else 1
    return [w * scale for w in row]
