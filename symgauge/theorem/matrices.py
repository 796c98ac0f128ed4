"""Identities between matrices of symbolic size, decided in a ring of non-commuting words.

A matrix expression is a combination of words in letters, their transposes and inverses. The only
rewriting is g g^-1 = 1, the sorting of diagonal letters, (A B)^T = B^T A^T when a word is made,
and the rules that a step states. If left - right rewrites to 0 the identity holds at every size.
If it does not, exact integer matrices decide: a difference that is not 0 refutes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sympy

from symgauge.errors import BadInputError
from symgauge.theorem.instances import evaluate, exact_value, letters_of, obeys, refutation
from symgauge.theorem.rewriting import BUDGET, Rewriting, TooLong
from symgauge.theorem.scalars import decide_zero
from symgauge.theorem.theorem import Decision, Step
from symgauge.theorem.words import KINDS, Matrix, Word, collect
from symgauge.verdict import Verdict

Rules = tuple[tuple[Matrix, Matrix], ...]


def _decide(left: Matrix, right: Matrix, rules: Rules, trace: bool) -> Decision:
    try:
        rewriting = Rewriting(rules)
        if trace:
            rest = rewriting.traces(collect([*_traced(left, 1), *_traced(right, -1)]))
        else:
            rest = rewriting.normal((left - right).terms)
    except TooLong:
        return Decision(Verdict.UNKNOWN, f"the rewriting did not end within {BUDGET} steps")
    if all(decide_zero([c]).verdict is Verdict.PROVED for c in rest.values()):
        return Decision(Verdict.PROVED)
    found = refutation(left, right, rules, trace)
    if found:
        return Decision(Verdict.REFUTED, found)
    words = " + ".join(f"({c}) {' '.join(f.latex for f in w)}" for w, c in rest.items())
    return Decision(Verdict.UNKNOWN, f"left - right rewrites to {words[:200]}")


def _traced(expression: Matrix, sign: int) -> list[tuple[Word, Any]]:
    """sign tr(expression), its unit matrix counted as the size."""
    if expression.rows != expression.columns:
        raise BadInputError(f"{expression.latex} is not square, it has no trace")
    n = expression.rows
    return [(w, sign * c * (1 if w else n)) for w, c in expression.terms.items()]


def _display(left: str, right: str, relation: str, rules: Rules, used: Sequence[Matrix]) -> list[
        str]:
    """The equation, and below it the rules and the kinds of letters that rewriting may use."""
    parts = [f"{a.latex} = {b.latex}" for a, b in rules]
    letters = letters_of([*used, *(side for rule in rules for side in rule)])
    for kind in KINDS[1:]:
        names = [x.latex for x in letters if x.kind == kind]
        word = "all ones" if kind == "ones" else kind
        parts += [rf"{', '.join(names)} \text{{ {word}}}"] if names else []
    where = [r"\text{where } " + r",\quad ".join(parts)] if parts else []
    return [f"{left} {relation} {right}", *where]


@dataclass(frozen=True)
class MatrixIdentity(Step):
    """left = right for matrices of every size, given the rules."""

    name: str
    left: Matrix
    right: Matrix
    rules: Rules = ()
    note: str = ""
    scope: str = "all sizes"
    must_fail: bool = False

    method = "non-commuting matrix identity"

    def decide(self) -> Decision:
        return _decide(self.left, self.right, self.rules, trace=False)

    def formulas(self) -> Sequence[str]:
        return _display(
            self.left.latex, self.right.latex, "=", self.rules, (self.left, self.right)
        )


@dataclass(frozen=True)
class TraceIdentity(Step):
    """tr(left) = tr(right) for matrices of every size, given the rules."""

    name: str
    left: Matrix
    right: Matrix
    rules: Rules = ()
    note: str = ""
    scope: str = "all sizes"
    must_fail: bool = False

    method = "non-commuting trace identity"

    def decide(self) -> Decision:
        return _decide(self.left, self.right, self.rules, trace=True)

    def formulas(self) -> Sequence[str]:
        left, right = (rf"\operatorname{{tr}}({e.latex})" for e in (self.left, self.right))
        return _display(left, right, "=", self.rules, (self.left, self.right))


@dataclass(frozen=True)
class MatrixCounterexample(Step):
    """left = right is false: it fails at exact matrices, so it is no identity of all sizes."""

    name: str
    left: Matrix
    right: Matrix
    at: Mapping[Matrix, Any]
    note: str = ""
    scope: str = ""
    must_fail: bool = True

    method = "exact counterexample"

    def decide(self) -> Decision:
        at = {x.letter: sympy.Matrix(value) for x, value in self.at.items()}
        for x, value in at.items():
            if not obeys(x, value):
                raise BadInputError(f"{self.name}: the value of {x.name} is not {x.kind}")
        missing = [x.name for x in letters_of([self.left, self.right]) if x not in at]
        if missing:
            raise BadInputError(f"{self.name}: no value is given for {', '.join(missing)}")
        difference = evaluate(self.left - self.right, at, {})
        values = [v for v in difference if v != 0]
        if not values:
            return Decision(Verdict.REFUTED, "left - right = 0 at these matrices")
        if not isinstance(values[0], sympy.Rational):
            return Decision(Verdict.UNKNOWN, f"left - right has the entry {values[0]}")
        return Decision(Verdict.PROVED, f"left - right has the entry {values[0]} there")

    def formulas(self) -> Sequence[str]:
        point = r",\ ".join(
            f"{x.latex} = {exact_value(sympy.Matrix(value))}" for x, value in self.at.items()
        )
        return [rf"{self.left.latex} \ne {self.right.latex}", rf"\text{{at }} {point}"]
