"""What is found and shown of a network, before it is stated."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.certificate import Certificate
from symgauge.certify.claim import Claim, claim_of
from symgauge.certify.evidence.kind import Evidence
from symgauge.certify.minors import RELAXED
from symgauge.derivation.algebra import families_together
from symgauge.derivers.exact import Found, Proved
from symgauge.determining.free_lines import free_lines
from symgauge.errors import InconsistentError, UndecidedError
from symgauge.exact.prime_field import PrimeField
from symgauge.program.network import Network
from symgauge.program.serial import digest_of
from symgauge.proof.record import Proof
from symgauge.verdict import Verdict


@dataclass(frozen=True)
class Search:
    """What was found in a network: families with their proofs, and the algebra they span."""

    network: Network
    found: Found
    families: list[Proved]
    algebra: dict[str, Any]
    field: PrimeField
    rng: np.random.Generator

    @property
    def proofs(self) -> list[Proof]:
        """One of each generator."""
        return [q for p in self.families for q in p.proofs]


@dataclass(frozen=True)
class Shown:
    """What is shown of a network, which may be another program of the same function."""

    search: Search
    claim: Claim
    evidence: Evidence | None
    notes: tuple[str, ...] = ()
    #: A free line and what is shown of the program with it, which fields by minors rest on.
    free: tuple[int, Shown] | None = None

    def certificate(self) -> Certificate:
        """Its certificate."""
        search = self.search
        vectors = [f for p in search.families for f in p.family.fields]
        own = Certificate.issue(
            search.network, vectors, search.proofs, search.found.cell, self.claim, self.evidence,
            families_together(search.families))
        return own if self.free is None else own.with_free_line(
            self.free[0], self.free[1].certificate())

    def noted(self, note: str) -> Shown:
        """With a note more."""
        return replace(self, notes=(*self.notes, note))


def with_free_line(shown: Shown, derived: Callable[[Network], Shown]) -> Shown:
    """What is shown with a program whose line is free, where directions are left without it."""
    search, claim = shown.search, shown.claim
    if claim.unexplained <= 0 or claim.hypotheses:
        return shown
    for line, other in free_lines(search.network, claim.rank, search.field, search.rng):
        with contextlib.suppress(InconsistentError, UndecidedError):
            inner = with_free_line(derived(other), derived)
            # what is rewritten is another program
            same = digest_of(inner.search.network) == digest_of(other)
            if same and (inner.claim.verdict, inner.claim.rank) == (Verdict.PROVED, claim.rank):
                said = RELAXED.format(line=line, rank=claim.rank)
                found = claim_of(
                    search.network, claim.rank, claim.orbit_dimension,
                    Assumptions(claim.shown, ()), shown.evidence is not None, said)
                return replace(shown, claim=found, free=(line, inner))
    return shown
