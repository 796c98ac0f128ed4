"""verify(): proofs, ranks and hypotheses of a certificate, all found anew.

Nothing in the certificate is believed but the program itself. Proofs are made again, ranks are
computed at points drawn from the operating system's randomness, and the claim must be the one
that follows. A certificate in real balls names a point and a minor of J there: both are evaluated
anew in balls, and no residue stands for a value. One over power series names the parameters that
vanish at the start of a curve: the curve, the inputs and the prime are drawn anew. Each kind of
evidence says how it is checked (`evidence`). The prover and the arithmetic are those of what
derived (see the package's docstring).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.certificate import Carried, Certificate
from symgauge.certify.claim import Claim, claim_of
from symgauge.certify.evidence.kind import Evidence, Question
from symgauge.certify.evidence.residues import by_residues
from symgauge.certify.generators import prove_all, refuted_at_points
from symgauge.certify.orbit import orbit_dimension
from symgauge.certify.minors import RELAXED
from symgauge.identities.coefficients import PRODUCTS
from symgauge.domains.polynomial_lines import PolynomialLines
from symgauge.identities.relaxed import relaxed as free_line
from symgauge.errors import SymgaugeError, UndecidedError
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.lie.fields import VectorField
from symgauge.ops.clamp import GUARD
from symgauge.ops.softplus import EXACT as SOFTPLUS
from symgauge.points.draw import Draw
from symgauge.points.inputs import has_tokens
from symgauge.points.reads import read_coordinates
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import CLOCKS, ROUNDED, Network
from symgauge.program.serial import network_to_json
from symgauge.proof.record import Proof
from symgauge.verdict import Verdict

#: What data that no derivation wrote may raise, at any line of the arithmetic.
MALFORMED = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError,
    TypeError, ValueError,
)
#: What a program may say of itself: it is printed with the scope, so nothing else may stand there.
HELD = re.compile(
    r"(input|token ids) [A-Za-z_][A-Za-z0-9_]* held at the example|"
    + "|".join(map(re.escape, (SOFTPLUS, CLOCKS))) + "|" + ROUNDED.format(op="[a-z_][a-z0-9_]*")
    + "|" + GUARD.format(r"[1-9](\.[0-9]+)?e-(0[5-9]|[1-9][0-9]+)"))


@dataclass(frozen=True)
class Verification:
    """What `verify` found of a certificate.

    `verdict`: PROVED: the claim of completeness holds. UNKNOWN: nothing found wrong, but not closed
    or resting on hypotheses. REFUTED: the certificate is rejected, for the reasons given.

    >>> from symgauge import derive
    >>> from torch import nn, zeros
    >>> verify(derive(nn.Linear(2, 1), (zeros(1, 2),)).certificate).reasons
    ('0 generators proved', 'rank J = 3, rank G = 0, P = 3')
    """

    verdict: Verdict
    reasons: tuple[str, ...]  #: What was found.
    hypotheses: tuple[str, ...]  #: What the claim assumes.
    scope: str  #: Where it holds.
    #: "name: reason" for each fact beside the certificate that was not verified.
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "verdict": self.verdict.value, "reasons": list(self.reasons),
            "hypotheses": list(self.hypotheses), "scope": self.scope,
            "left_out": list(self.left_out),
        }


def verify(
    certificate: Certificate | Mapping[str, Any] | str, carried: Carried | None = None,
) -> Verification:
    """Verify a certificate (an object, its plain data, or JSON text).

    `carried`: what it carries, where that was read before.

    Raises BadInputError on data that is no certificate. Never raises on a false claim: the
    verdict is then REFUTED and the reasons say what was found. UNKNOWN where no branch is decided
    at the points that are drawn.

    >>> from symgauge import derive
    >>> from torch import nn, zeros
    >>> verify(derive(nn.Linear(2, 1), (zeros(1, 2),)).certificate).verdict
    <Verdict.PROVED: 'PROVED'>
    """
    if not isinstance(certificate, Certificate):
        certificate = Certificate.from_json(certificate)
    if not certificate.intact:
        return rejected("the data was edited after the digest was made")
    try:
        return _verify(carried or Carried(certificate))
    except UndecidedError as error:
        return Verification(Verdict.UNKNOWN, (f"not decided: {error}",), (), "nothing")
    except (SymgaugeError, *MALFORMED) as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        return rejected(f"malformed: {text}")


def _verify(carried: Carried) -> Verification:
    rng = np.random.default_rng(secrets.randbits(128))
    field = PrimeField(next(primes()))
    certificate, network, generators = carried.certificate, carried.network, carried.generators
    cell = certificate.cell(network)
    unfit = _unfit(certificate, network, len(generators), cell)
    if unfit:
        return rejected(unfit)
    read = read_coordinates(network)
    total = int(read.sum())
    families = certificate.families()
    proofs = prove_all(network, generators, families)
    unproved = _unproved(certificate, network, generators, proofs, field, rng)
    if unproved:
        return rejected(*unproved)
    orbit = orbit_dimension(network, generators, read, field, rng)
    shown = _rank_shown(certificate, Question(
        Draw(network, field, rng, cell=cell), proofs, read, total - orbit,
        certificate.data.get("rank")))
    if shown is None:
        return rejected("the minor is not shown to be the number that it is said to be")
    jacobian, found, evidence = shown
    claimed, larger = certificate.data.get("rank"), ""
    by_luck = is_piecewise(network) or has_tokens(network)
    if by_luck and type(claimed) is int and claimed < jacobian <= total - orbit and (
            claimed + orbit < total):
        # few points on rare branches or tokens show all of the rank: what is claimed of an open
        # sandwich is a bound, and a larger rank is no contradiction
        larger, jacobian = f"rank J is at least {jacobian}: more than is claimed", claimed
    minors = _shown_by_free_line(certificate, network, jacobian)
    claim = claim_of(
        network, jacobian, orbit, found, by_minor=evidence is not None, minors=minors)
    reasons = list(_differences(certificate, claim))
    again = Certificate.facts(network, generators, proofs, cell, claim, evidence, families)
    if minors and claim.by_minors:
        again["relaxed"] = certificate.data["relaxed"]
    if not reasons and again != {k: v for k, v in certificate.data.items() if k != "digest"}:
        reasons.append("it carries data that no derivation of this program writes")
    if reasons:
        return Verification(Verdict.REFUTED, tuple(reasons), found.hypotheses, "nothing")
    together = sum(len(stated.generators) for stated in families)
    summary = [
        f"{len(generators)} generators proved" + (
            f", {together} of them by intertwiners" if together else ""), *found.shown,
        f"rank J = {jacobian}, rank G = {orbit}, P = {total}", *filter(None, [larger]),
    ]
    return Verification(
        claim.verdict, tuple(summary), claim.hypotheses, claim.scope)


def _unfit(
    certificate: Certificate, network: Network, generators: int, cell: Mapping[str, Array]
) -> str | None:
    """What of the certificate is not of this network, before anything is decided."""
    if bool(cell) != is_piecewise(network):
        return "a cell is named for a network without branches, or none for one with"
    if len(certificate.proofs()) != generators:
        return "there is not one proof table per generator"
    of_values = network.said_of_values
    wrong = [s for s in network.held if not HELD.fullmatch(s) and s not in of_values]
    if not {*of_values} <= {*network.held}:
        return f"the program does not state that its {of_values[0]}"
    return f"the program states {wrong[0][:120]!r}, which nothing here supports" if wrong else None


def _unproved(
    certificate: Certificate, network: Network, generators: Sequence[VectorField],
    proofs: Sequence[Proof], field: PrimeField, rng: np.random.Generator,
) -> list[str]:
    """Generators that are not proved, or not by the table that the certificate carries."""
    reasons = []
    tables = certificate.proofs()
    for i, (generator, proof) in enumerate(zip(generators, proofs, strict=True)):
        if proof.verdict is not Verdict.PROVED:
            false = refuted_at_points(network, generator, field, rng)
            word = "is no symmetry" if false else "is not proved"
            reasons.append(f"generator {i} {word}: residual {proof.residual[:120]}")
        elif proof.lines != tables[i].lines:
            reasons.append(f"the proof table of generator {i} is not the one that proves it")
    return reasons


def _rank_shown(
    certificate: Certificate, question: Question
) -> tuple[int, Assumptions, Evidence | None] | None:
    """rank J, what it rests on, and the evidence; None where the evidence is false."""
    kind = certificate.evidence
    if kind is None:
        return *by_residues(question), None
    evidence = kind.read(certificate.data[kind.name], question)
    checked = evidence.check(question)
    return None if checked is None else (*checked, evidence)


def _shown_by_free_line(certificate: Certificate, network: Network, jacobian_rank: int) -> str:
    """What the certificate of a program with a free line shows of J (see `identities.relaxed`).

    Empty where it carries none. Raises ValueError where that is not the certificate of such a
    program, or does not hold.
    """
    relaxed = certificate.data.get("relaxed")
    if relaxed is None:
        return ""
    inner, line = Certificate.from_json(relaxed["certificate"]), relaxed["line"]
    lowered = lower(network)
    other = None if type(line) is not int or line < 0 else free_line(
        lowered, line, PolynomialLines(lowered, PRODUCTS))
    if {*relaxed} != {"line", "certificate"} or other is None or (
            network_to_json(other) != inner.data["network"]):
        raise ValueError("the other program is not this one with a free line")
    if network.has_flows or is_piecewise(network):
        raise ValueError("of another cell, or other durations, a certificate says nothing")
    if verify(inner).verdict is not Verdict.PROVED or inner.claim.rank != jacobian_rank:
        raise ValueError("the other program's certificate does not show this rank")
    return RELAXED.format(line=line, rank=jacobian_rank)


def _differences(certificate: Certificate, found: Claim) -> Iterator[str]:
    """What the certificate claims otherwise than it follows from the ranks found."""
    if found.inconsistent:
        yield (
            f"inconsistent: rank J + rank G = {found.rank + found.orbit_dimension} > "
            f"P = {found.parameters}, so a hypothesis is false"
        )
    carried, claim = certificate.claimed, found.plain()
    for name in sorted({*carried, *claim}):
        if name not in carried:
            yield f"the claim lacks {name}"
        elif name not in claim:
            yield f"the claim has {name!r}, which nothing here supports"
        elif carried[name] != claim[name] or type(carried[name]) is not type(claim[name]):
            said = repr(carried[name])[:120]
            yield f"the claim says {name} = {said}; found {claim[name]!r}"


def rejected(*reasons: str) -> Verification:
    """The answer to what is wrong, with the reasons."""
    return Verification(Verdict.REFUTED, reasons, (), "nothing")
