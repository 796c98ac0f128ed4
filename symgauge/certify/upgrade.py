"""A certificate over residues made into one that rests on other evidence.

That has no hypotheses on values.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.certificate import Certificate
from symgauge.certify.claim import Claim, claim_of
from symgauge.certify.evidence.kind import Evidence
from symgauge.certify.find import finder
from symgauge.certify.orbit import orbit_dimension
from symgauge.certify.verification import Verification, verify
from symgauge.errors import InconsistentError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.reads import read_coordinates
from symgauge.program.array import Array
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network
from symgauge.progress import Progress, silent
from symgauge.verdict import Verdict


def claim_by(
    name: str, network: Network, cell: Mapping[str, Array], orbit: int, rng: np.random.Generator,
    progress: Progress = silent,
) -> tuple[Claim, Evidence]:
    """The claim that this kind of evidence and generators of rank `orbit` make, and the evidence.

    Raises BadInputError where the kind does not reach the network (see its `find`).
    """
    read = read_coordinates(network)
    evidence, rank = finder(name)(network, read, cell, int(read.sum()) - orbit, rng, progress)
    found = Assumptions((evidence.shown(rank),), ())
    return claim_of(network, rank, orbit, found, by_minor=True), evidence


def upgraded(
    certificate: Certificate, name: str, seed: int = 0, progress: Progress = silent
) -> tuple[Certificate, Verification]:
    """The certificate whose rank J rests on this kind of evidence, and its verification.

    It claims the rank that is shown, which is less than the former one where that rested on
    a false hypothesis. Raises BadInputError where the kind does not reach the network;
    InconsistentError where the certificate was edited or does not verify.
    """
    if not certificate.intact:
        raise InconsistentError(
            "the certificate does not verify: the data was edited after the digest was made; "
            "derive again"
        )
    network = certificate.network()
    cell, generators = certificate.cell(network), certificate.generators(network)
    if bool(cell) != is_piecewise(network):
        raise InconsistentError(
            "the certificate does not verify: a cell is named for a network without branches, or "
            "none for one with; derive again"
        )
    rng, field = np.random.default_rng(seed), PrimeField(next(primes()))
    orbit = orbit_dimension(network, generators, read_coordinates(network), field, rng)
    claim, evidence = claim_by(name, network, cell, orbit, rng, progress)
    found = Certificate.issue(
        network, generators, certificate.proofs(), cell, claim, evidence,
        certificate.families())
    progress("verification")
    verification = verify(found)
    if verification.verdict is Verdict.REFUTED:
        raise InconsistentError(
            f"the certificate does not verify: {verification.reasons[0]}; derive again"
        )
    return found, verification
