"""Theorems of exact steps: what a file of proofs/ imports, beside the calculus of flows.

A file proofs/NAME.py defines `theorem()`, which returns a `Theorem`, and ends with
`raise SystemExit(main(theorem()))` under `__main__`.
"""

from symgauge.theorem.counting import coefficients, gram, integers, linear_map, pair
from symgauge.theorem.fields import FieldIdentity
from symgauge.theorem.groups import NEUTRAL, GroupIdentity, GroupWord, group_letters
from symgauge.theorem.matrices import MatrixCounterexample, MatrixIdentity, TraceIdentity
from symgauge.theorem.runner import main, prove_files
from symgauge.theorem.scalars import Counterexample, ExactRank, PolynomialIdentity
from symgauge.theorem.theorem import Decision, Premise, Result, Step, Theorem, prove
from symgauge.theorem.words import Matrix, derivative, identity, matrix, sizes, zero

__all__ = [
    "Counterexample",
    "Decision",
    "ExactRank",
    "FieldIdentity",
    "GroupIdentity",
    "GroupWord",
    "Matrix",
    "MatrixCounterexample",
    "MatrixIdentity",
    "NEUTRAL",
    "PolynomialIdentity",
    "Premise",
    "Result",
    "Step",
    "Theorem",
    "TraceIdentity",
    "coefficients",
    "derivative",
    "gram",
    "group_letters",
    "identity",
    "integers",
    "linear_map",
    "main",
    "matrix",
    "pair",
    "prove",
    "prove_files",
    "sizes",
    "zero",
]
