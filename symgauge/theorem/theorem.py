"""A theorem: statement, hypotheses, named premises, scope, and steps that are decided exactly."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from symgauge.verdict import Verdict


@dataclass(frozen=True)
class Decision:
    """The verdict on one step, with what was found: a residual, a value, a rank."""

    verdict: Verdict
    evidence: str = ""


class Step(ABC):
    """One assertion that a computer decides exactly; the subclass says how.

    `name` and `scope` are plain text, `note` is LaTeX prose. A step that is a "must fail" item
    asserts that an identity does NOT hold; its PROVED is a refutation of that identity.
    """

    name: str
    note: str
    scope: str
    method: str
    must_fail: bool

    @abstractmethod
    def decide(self) -> Decision:
        """The verdict; PROVED only for an identity decided exactly."""

    @abstractmethod
    def formulas(self) -> Sequence[str]:
        """LaTeX of the very objects that `decide` reads, one display per entry."""


@dataclass(frozen=True)
class Premise:
    """A theorem of analysis that is used and not proved here; it is printed."""

    name: str
    statement: str


@dataclass(frozen=True)
class Theorem:
    """What is claimed, on which hypotheses and premises, in which scope, by which steps.

    `claim` is the short name ("C9"). `statement`, `hypotheses`, the premises' statements, `scope`
    and `conclusion` are LaTeX prose; `conclusion` says how the steps give the statement.
    """

    claim: str
    title: str
    statement: str
    hypotheses: tuple[str, ...]
    premises: tuple[Premise, ...]
    scope: str
    steps: tuple[Step, ...]
    conclusion: str


@dataclass(frozen=True)
class Result:
    """A theorem with the decision on each of its steps."""

    theorem: Theorem
    decisions: tuple[Decision, ...]
    seconds: tuple[float, ...] = field(compare=False)

    @property
    def verdict(self) -> Verdict:
        """REFUTED if any step is, else UNKNOWN if any step is or there is none, else PROVED."""
        return combine([decision.verdict for decision in self.decisions])

    def record(self) -> dict[str, Any]:
        """Plain data, for JSON."""
        theorem = self.theorem
        return {
            "claim": theorem.claim,
            "title": theorem.title,
            "verdict": str(self.verdict),
            "statement": theorem.statement,
            "hypotheses": list(theorem.hypotheses),
            "premises": [{"name": p.name, "statement": p.statement} for p in theorem.premises],
            "scope": theorem.scope,
            "conclusion": theorem.conclusion,
            "steps": [
                {
                    "name": step.name,
                    "note": step.note,
                    "latex": list(step.formulas()),
                    "method": step.method,
                    "scope": step.scope,
                    "must_fail": step.must_fail,
                    "verdict": str(decision.verdict),
                    "evidence": decision.evidence,
                    "seconds": round(seconds, 3),
                }
                for step, decision, seconds in zip(
                    theorem.steps, self.decisions, self.seconds, strict=True
                )
            ],
        }


def combine(verdicts: Sequence[Verdict]) -> Verdict:
    """The verdict on all of them together; on none it is UNKNOWN.

    >>> combine([Verdict.PROVED, Verdict.UNKNOWN]), combine([])
    (<Verdict.UNKNOWN: 'UNKNOWN'>, <Verdict.UNKNOWN: 'UNKNOWN'>)
    """
    if Verdict.REFUTED in verdicts:
        return Verdict.REFUTED
    if Verdict.UNKNOWN in verdicts or not verdicts:
        return Verdict.UNKNOWN
    return Verdict.PROVED


def prove(theorem: Theorem) -> Result:
    """Decide every step, in order."""
    decisions, seconds = [], []
    for step in theorem.steps:
        start = time.perf_counter()
        decisions.append(step.decide())
        seconds.append(time.perf_counter() - start)
    return Result(theorem, tuple(decisions), tuple(seconds))
