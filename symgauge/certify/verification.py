"""verify(): proofs, ranks and hypotheses of a certificate, all found anew.

Nothing in the certificate is believed but the program itself. Proofs are made again, ranks are
computed at points drawn from the operating system's randomness, and the claim must be the one
that follows. A certificate in real balls names a point and a minor of J there: both are evaluated
anew in balls, and no residue stands for a value. One over power series names the parameters that
vanish at the start of a curve: the curve, the inputs and the prime are drawn anew. The prover and
the arithmetic are those of what derived (see the package's docstring).
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symgauge.certify.balls import Minor, is_shown
from symgauge.certify.certificate import Certificate, Stated
from symgauge.certify.independence import Assumptions, assumptions
from symgauge.certify.series import Curve, field_for, ranks_along
from symgauge.errors import SymgaugeError, UndecidedError
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.lie.fields import VectorField, orbit_rank
from symgauge.network.domains.signs import analytic_everywhere
from symgauge.network.duration import durations_absorbed
from symgauge.network.intertwiners.proof import FamilyProver
from symgauge.network.points import has_tokens
from symgauge.network.program import ROUNDED, Network
from symgauge.network.proof import IN_TIME, Proof, Prover
from symgauge.network.sampling import (
    RANK_ORDER, SPARE, draw_tokens, jacobian_rows, rank_at_point, read_coordinates,
)
from symgauge.ops.softplus import EXACT as SOFTPLUS
from symgauge.verdict import Verdict


#: What data that no derivation wrote may raise, at any line of the arithmetic.
MALFORMED = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RecursionError,
    TypeError, ValueError,
)
#: What a program may say of itself: it is printed with the scope, so nothing else may stand there.
HELD = re.compile(
    r"(input|token ids) [A-Za-z_][A-Za-z0-9_]* held at the example|" + re.escape(SOFTPLUS) + "|"
    + ROUNDED.format(op="[a-z_][a-z0-9_]*"))
#: Said with the scope where constants came as floats: buffers, and numbers of the module's code.
FLOATS = "constants are the floats' exact values"


@dataclass(frozen=True)
class Verification:
    """PROVED: the claim of completeness holds. UNKNOWN: nothing found wrong, but not closed or
    resting on hypotheses. REFUTED: the certificate is rejected, for the reasons given."""

    verdict: Verdict
    reasons: tuple[str, ...]
    hypotheses: tuple[str, ...]
    scope: str
    #: "name: reason" for each fact beside the certificate that was not verified.
    left_out: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "verdict": self.verdict.value, "reasons": list(self.reasons),
            "hypotheses": list(self.hypotheses), "scope": self.scope,
            "left_out": list(self.left_out),
        }


def claim_of(
    network: Network, total: int, unread: int, jacobian_rank: int, orbit: int, proved: bool,
    found: Assumptions, by_minor: bool = False,
) -> dict[str, Any]:
    """The claim that follows from the ranks: the only one that verify accepts.

    `by_minor`: the rank of J is that of a minor in real balls or of power series, which speaks of
    one component.
    An orbit dimension above the redundancy means a false generator or a false hypothesis; the
    claim is then `inconsistent`, never clipped.
    """
    found = Assumptions(found.shown, (*found.hypotheses, *network.rounded))
    redundancy = total - jacobian_rank
    unexplained = redundancy - orbit
    closed = unexplained == 0
    hypotheses = [*found.hypotheses, *(
        f"the statement is that of all token ids, not of these alone: {s}"
        for s in network.held if s.startswith("token ids")
    )]
    sound = closed and proved and not hypotheses
    verdict = Verdict.PROVED if sound else Verdict.UNKNOWN
    return {
        "parameters": total, "unread": unread, "rank": jacobian_rank, "redundancy": redundancy,
        "orbit_dimension": orbit, "unexplained": unexplained, "closed": closed,
        "inconsistent": unexplained < 0, "shown": list(found.shown),
        "hypotheses": hypotheses, "verdict": verdict.value,
        "scope": _scope(
            network, closed, bool(hypotheses), redundancy, unexplained, by_minor),
    }


def at_these_durations(
    found: Assumptions, network: Network, proofs: Sequence[Proof]
) -> Assumptions:
    """The assumptions, with that the flows' own durations are generic ones.

    The rank is that of all but a discrete set of durations. Nothing is assumed where parameters
    do what the duration does, unless a generator depends on how long a flow lasts: it is proved
    at the program's durations.
    """
    timed = any(IN_TIME in line.variation for proof in proofs for line in proof.lines)
    if not network.has_flows or not timed and durations_absorbed(network):
        return found
    text = "the rank at the flows' own durations is that at generic ones"
    return Assumptions(found.shown, (*found.hypotheses, text))


def _scope(
    network: Network, closed: bool, conditional: bool, redundancy: int, unexplained: int,
    by_minor: bool,
) -> str:
    """Where and how far the claim reaches."""
    place = "on the cell of theta0" if network.piecewise else "at generic parameters"
    if by_minor and not network.piecewise and not analytic_everywhere(network):
        # a minor that is not 0 at a point says nothing beyond where a root or logarithm ends
        place = "at generic parameters of the component of theta0"
    sizes = ", at the sizes of the program"
    if network.has_flows:
        # a minor is a power series in the factor of the durations: analytic, and not 0
        sizes += (
            ", for all but a discrete set of common factors of the flows' durations"
            + (", up to those at which a branch is crossed" if network.piecewise else "")
        ) + (
            ", exact flows of locally Lipschitz fields where they exist (a solver's steps are not "
            "looked at)"
        )
    if closed and not conditional:
        text = f"complete {place}{sizes}"
    elif closed:
        text = f"complete {place}{sizes}, if the hypotheses hold"
    else:
        text = (
            f"redundancy <= {redundancy} {place}{sizes}, at most {unexplained} unexplained"
            + (", if the hypotheses hold" if conditional else "")
        )
    floats = [FLOATS] if network.holds_floats else []
    return "; ".join([text, *network.held, *floats])


def refuted_at_points(
    network: Network, generator: VectorField, field: PrimeField, rng: np.random.Generator
) -> bool:
    """Whether J X is not 0 at exact random points (inputs, parameters and cells drawn fresh)."""
    rows = jacobian_rows(network, field, rng, SPARE)
    theta = np.concatenate(
        [rows.parameters[p.name].reshape(len(rows.rows), -1) for p in network.parameters], axis=1
    )
    moved = np.array([generator.at(t, field) for t in theta])
    return bool(field.matmul(rows.rows[:, None, :], moved[:, :, None]).any())


def prove_all(
    network: Network, generators: Sequence[VectorField], families: Sequence[Stated] = ()
) -> list[Proof]:
    """A proof for every generator: by the intertwiners of its family, or line by line."""
    proofs: dict[int, Proof] = {}
    together = FamilyProver(network)
    for stated in families:
        proof = together.prove(stated.family)
        if proof.verdict is Verdict.PROVED:
            fields = {tuple(f.terms.items()) for f in together.fields(stated.family) or ()}
        for k in stated.generators:
            if k in proofs:
                raise ValueError(f"generator {k} is in two families")
            mine = proof
            if proof.verdict is Verdict.PROVED and tuple(generators[k].terms.items()) not in fields:
                mine = replace(proof, verdict=Verdict.UNKNOWN, residual="no field of its family")
            proofs[k] = mine
    prover = Prover(network)
    return [proofs[k] if k in proofs else prover.prove(g) for k, g in enumerate(generators)]


def verify(certificate: Certificate | Mapping[str, Any] | str) -> Verification:
    """Verify a certificate (an object, its plain data, or JSON text).

    Raises BadInputError on data that is no certificate. Never raises on a false claim: the
    verdict is then REFUTED and the reasons say what was found. UNKNOWN where no branch is decided
    at the points that are drawn.
    """
    if not isinstance(certificate, Certificate):
        certificate = Certificate.from_json(certificate)
    if not certificate.intact:
        return rejected("the data was edited after the digest was made")
    try:
        return _verify(certificate)
    except UndecidedError as error:
        return Verification(Verdict.UNKNOWN, (f"not decided: {error}",), (), "nothing")
    except (SymgaugeError, *MALFORMED) as error:
        text = " ".join(str(error).split())[:200] or type(error).__name__
        return rejected(f"malformed: {text}")


def _verify(certificate: Certificate) -> Verification:
    rng = np.random.default_rng(secrets.randbits(128))
    field = PrimeField(next(primes()))
    network = certificate.network()
    generators = certificate.generators(network)
    cell = certificate.cell(network)
    tables = certificate.proofs()
    if bool(cell) != network.piecewise:
        return rejected("a cell is named for a network without branches, or none for one with")
    if len(tables) != len(generators):
        return rejected("there is not one proof table per generator")
    wrong = [s for s in network.held if not HELD.fullmatch(s)]
    if wrong:
        return rejected(f"the program states {wrong[0][:120]!r}, which nothing here supports")
    read = read_coordinates(network)
    total = int(read.sum())
    unread = network.num_coordinates - total
    reasons: list[str] = []
    families = certificate.families()
    proofs = prove_all(network, generators, families)
    for i, (generator, proof) in enumerate(zip(generators, proofs, strict=True)):
        if proof.verdict is not Verdict.PROVED:
            false = refuted_at_points(network, generator, field, rng)
            word = "is no symmetry" if false else "is not proved"
            reasons.append(f"generator {i} {word}: residual {proof.residual[:120]}")
        elif proof.lines != tables[i].lines:
            reasons.append(f"the proof table of generator {i} is not the one that proves it")
    if reasons:
        return rejected(*reasons)
    orbit = orbit_dimension(network, generators, read, field, rng)
    evidence: dict[str, Any] = {}
    if "balls" in certificate.data:
        minor = Minor.from_json(certificate.data["balls"], network, read, cell)
        if network.has_flows or not is_shown(network, minor):
            return rejected("the minor is not shown to be the number that it is said to be")
        jacobian, found = minor.rank, Assumptions((minor.shown(),), ())
        evidence = {"balls": minor.to_json()}
    elif "series" in certificate.data:
        curve = Curve.from_json(certificate.data["series"], network)
        jacobian = _by_series(certificate, network, curve, read, cell, total - orbit, rng)
        found = Assumptions((curve.shown(jacobian),), ())
        evidence = {"series": curve.to_json()}
    else:
        jacobian, found = _by_residues(
            certificate, network, proofs, read, cell, total - orbit, field, rng)
    claimed = certificate.data.get("rank")
    by_luck = network.piecewise or has_tokens(network)
    if by_luck and type(claimed) is int and claimed < jacobian <= total - orbit and (
            claimed + orbit < total):
        # few points on rare branches or tokens show all of the rank: what is claimed of an open
        # sandwich is a bound, and a larger rank is no contradiction
        larger, jacobian = f"rank J is at least {jacobian}: more than is claimed", claimed
    else:
        larger = ""
    claim = claim_of(network, total, unread, jacobian, orbit, True, found, bool(evidence))
    if claim["inconsistent"]:
        reasons.append(
            f"inconsistent: rank J + rank G = {jacobian + orbit} > P = {total}, "
            "so a hypothesis is false"
        )
    beside = (
        "schema", "network", "generators", "tables", "proofs", "families", "cell", "balls",
        "series", "digest",
    )
    carried = {k: v for k, v in certificate.data.items() if k not in beside}
    for name in sorted(set(carried) | set(claim)):
        if name not in carried:
            reasons.append(f"the claim lacks {name}")
        elif name not in claim:
            reasons.append(f"the claim has {name!r}, which nothing here supports")
        elif carried[name] != claim[name] or type(carried[name]) is not type(claim[name]):
            said = repr(carried[name])[:120]
            reasons.append(f"the claim says {name} = {said}; found {claim[name]!r}")
    again = Certificate.issue(network, generators, proofs, cell, claim, evidence, families)
    if not reasons and again != certificate:
        reasons.append("it carries data that no derivation of this program writes")
    if reasons:
        return Verification(Verdict.REFUTED, tuple(reasons), found.hypotheses, "nothing")
    proved = claim["verdict"] == Verdict.PROVED.value
    together = sum(len(stated.generators) for stated in families)
    summary = [
        f"{len(generators)} generators proved" + (
            f", {together} of them by intertwiners" if together else ""), *found.shown,
        f"rank J = {jacobian}, rank G = {orbit}, P = {total}", *filter(None, [larger]),
    ]
    return Verification(
        Verdict.PROVED if proved else Verdict.UNKNOWN, tuple(summary), tuple(claim["hypotheses"]),
        claim["scope"],
    )


def orbit_dimension(
    network: Network, generators: Sequence[VectorField], read: np.ndarray, field: PrimeField,
    rng: np.random.Generator,
) -> int:
    """rank G at exact random points, along the coordinates that an output reads."""
    if not generators:
        return 0
    points = [field.random(rng, (network.num_coordinates,)) for _ in range(2)]
    masked = [_masked(g, read) for g in generators]
    return max(orbit_rank(masked, point, field) for point in points)


def _by_residues(
    certificate: Certificate, network: Network, proofs: Sequence[Proof], read: np.ndarray,
    cell: Mapping[str, Array], closing: int, field: PrimeField, rng: np.random.Generator,
) -> tuple[int, Assumptions]:
    """rank J over residues, and what it assumes of them. `closing` is the rank that closes."""
    tokens = draw_tokens(network, rng)
    found = at_these_durations(
        assumptions(network, field, rng, tokens, cell), network, proofs)
    # the claimed rank only says how long to look: a rank at a point is a lower bound
    claimed = certificate.data.get("rank")
    wanted = min(int(read.sum()), claimed) if isinstance(claimed, int) else 0
    jacobian = rank_at_point(network, field, rng, read, cell, tokens, wanted)
    if jacobian < closing:
        # a random point can be unlucky: one more
        order = 2 * RANK_ORDER if network.has_flows else RANK_ORDER
        jacobian = max(jacobian, rank_at_point(
            network, field, rng, read, cell, tokens, wanted, order))
    return jacobian, found


def _by_series(
    certificate: Certificate, network: Network, curve: Curve, read: np.ndarray,
    cell: Mapping[str, Array], closing: int, rng: np.random.Generator,
) -> int:
    """rank J along the curve from a start that is drawn here; once more where one was unlucky."""
    claimed = certificate.data.get("rank")
    field = field_for(network, curve.scaled)
    found = ranks_along(network, curve, read, cell, closing, field, rng)[-1]
    if found != claimed:
        field = field_for(network, curve.scaled)
        again = ranks_along(network, curve, read, cell, closing, field, rng)[-1]
        found = max(found, again)
    return found


def _masked(generator: VectorField, read: np.ndarray) -> VectorField:
    """The components along coordinates that an output reads."""
    return VectorField({(k, m): c for (k, m), c in generator.terms.items() if read[k]})


def rejected(*reasons: str) -> Verification:
    """The answer to what is wrong, with the reasons."""
    return Verification(Verdict.REFUTED, reasons, (), "nothing")
