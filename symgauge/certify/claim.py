"""The claim that follows from the ranks, with its scope."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.minors import spanned_by_minors
from symgauge.domains.signs import analytic_everywhere
from symgauge.points.reads import read_coordinates
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network
from symgauge.proof.durations import durations_absorbed
from symgauge.proof.in_time import IN_TIME
from symgauge.proof.record import Proof
from symgauge.records import Record
from symgauge.verdict import Verdict

#: Said with the scope where constants came as floats: buffers, and numbers of the module's code.
FLOATS = "constants are the floats' exact values"
#: Said where a generator depends on how long a flow lasts, and its duration is a generic one.
OWN = "parameters do what the flows' durations do: the rank at these is that at generic ones"


@dataclass(frozen=True, kw_only=True)
class Claim(Record):
    """What a certificate claims, with its scope."""

    parameters: int  #: P: the coordinates that an output reads.
    unread: int  #: The coordinates that no output reads.
    rank: int  #: rank J, where closed, else a lower bound.
    redundancy: int  #: P - rank J.
    orbit_dimension: int  #: rank G.
    unexplained: int  #: redundancy - rank G - by_minors.
    closed: bool  #: Whether nothing is unexplained.
    inconsistent: bool  #: rank J + rank G > P.
    #: Directions of fields by minors, beside those of the generators; None where there are none.
    by_minors: int | None = None
    shown: tuple[str, ...]  #: What the rank rests on, and was shown.
    hypotheses: tuple[str, ...]  #: What the rank rests on, and is assumed.
    verdict: Verdict  #: PROVED where closed and nothing is assumed, else UNKNOWN.
    scope: str  #: Where the claim holds.


def claim_of(
    network: Network, jacobian_rank: int, orbit: int, found: Assumptions, by_minor: bool = False,
    minors: str = "",
) -> Claim:
    """The claim that follows from the ranks: the only one that verify accepts.

    Every generator is proved. `by_minor`: the rank of J is that of a minor (in real balls, of
    power series), which speaks of one component. `minors`: what shows that fields by minors span
    the kernel of J, where that is more than what the program tells.
    An orbit dimension above the redundancy means a false generator or a false hypothesis; the
    claim is then `inconsistent`, never clipped.
    """
    found = Assumptions(found.shown, (*found.hypotheses, *network.rounded))
    total = int(read_coordinates(network).sum())
    redundancy = total - jacobian_rank
    said = (minors or spanned_by_minors(network, jacobian_rank)) if redundancy > orbit else ""
    by_minors = redundancy - orbit if said else 0
    unexplained = redundancy - orbit - by_minors
    closed = unexplained == 0
    hypotheses = (*found.hypotheses, *(
        f"the statement is that of all token ids, not of these alone: {s}"
        for s in network.held if s.startswith("token ids")
    ))
    return Claim(
        parameters=total, unread=network.num_coordinates - total, rank=jacobian_rank,
        redundancy=redundancy, orbit_dimension=orbit, unexplained=unexplained, closed=closed,
        inconsistent=unexplained < 0, by_minors=by_minors or None,
        shown=(*found.shown, said) if said else found.shown, hypotheses=hypotheses,
        verdict=Verdict.PROVED if closed and not hypotheses else Verdict.UNKNOWN,
        scope=_scope(
            network, closed, bool(hypotheses), redundancy, unexplained, by_minor,
            OWN in found.shown),
    )


def at_these_durations(
    found: Assumptions, network: Network, proofs: Sequence[Proof]
) -> Assumptions:
    """The assumptions, with that the flows' own durations are generic ones.

    The rank is that of all but a discrete set of durations. Nothing is assumed where parameters
    do what the duration does. A generator that depends on how long a flow lasts is proved at the
    program's durations: then the claim is of these alone.
    """
    if not network.has_flows:
        return found
    if durations_absorbed(network):
        timed = any(IN_TIME in line.variation for proof in proofs for line in proof.lines)
        return Assumptions((*found.shown, OWN), found.hypotheses) if timed else found
    text = "the rank at the flows' own durations is that at generic ones"
    return Assumptions(found.shown, (*found.hypotheses, text))


def _scope(
    network: Network, closed: bool, conditional: bool, redundancy: int, unexplained: int,
    by_minor: bool, own: bool,
) -> str:
    """Where and how far the claim reaches."""
    place = "on the cell of theta0" if is_piecewise(network) else "at generic parameters"
    if by_minor and not is_piecewise(network) and not analytic_everywhere(network):
        # a minor that is not 0 at a point says nothing beyond where a root or logarithm ends
        place = "at generic parameters of the component of theta0"
    sizes = ", at the sizes of the program"
    if network.has_flows:
        # a minor is a power series in the factor of the durations: analytic, and not 0
        sizes += (
            (", at the flows' own durations" if own else
             ", for all but a discrete set of common factors of the flows' durations")
            + (", up to those at which a branch is crossed" if is_piecewise(network) else "")
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
