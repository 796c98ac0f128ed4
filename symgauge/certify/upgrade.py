"""A certificate over residues made into one in real balls or over power series.

Neither has hypotheses on values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.certificate import Certificate
from symgauge.certify.claim import claim_of
from symgauge.certify.evidence.balls import Minor
from symgauge.certify.evidence.series import Curve
from symgauge.certify.find.curves import find_curve
from symgauge.certify.find.minors import find_minor
from symgauge.certify.orbit import orbit_dimension
from symgauge.certify.verification import Verification, verify
from symgauge.errors import BadInputError, InconsistentError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.reads import read_coordinates
from symgauge.program.array import Array
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network
from symgauge.progress import Progress
from symgauge.verdict import Verdict


def claim_in_balls(
    network: Network, cell: Mapping[str, Array], orbit: int, rng: np.random.Generator,
    progress: Progress = lambda _: None,
) -> tuple[dict[str, Any], Minor]:
    """The claim that a minor in real balls and generators of rank `orbit` make, and the minor.

    Raises BadInputError for flows of vector fields, which balls do not reach.
    """
    if network.has_flows:
        raise BadInputError(
            "this network has flows of vector fields (ode_flow), which balls do not reach: certify "
            "it without them, over power series"
        )
    read = read_coordinates(network)
    total = int(read.sum())
    minor = find_minor(network, read, cell, total - orbit, rng, progress)
    claim = claim_of(
        network, total, network.num_coordinates - total, minor.rank, orbit, True,
        Assumptions((minor.shown(),), ()), True,
    )
    return claim, minor


def claim_in_series(
    network: Network, cell: Mapping[str, Array], orbit: int, rng: np.random.Generator,
    progress: Progress = lambda _: None,
) -> tuple[dict[str, Any], Curve]:
    """The claim that power series and generators of rank `orbit` make, and their curve.

    Raises BadInputError where no curve is found, or none that proves anything (see `series`).
    """
    read = read_coordinates(network)
    total = int(read.sum())
    curve, rank = find_curve(network, read, cell, total - orbit, rng, progress)
    claim = claim_of(
        network, total, network.num_coordinates - total, rank, orbit, True,
        Assumptions((curve.shown(rank),), ()), True,
    )
    return claim, curve


def in_balls(
    certificate: Certificate, seed: int = 0, progress: Progress = lambda _: None
) -> tuple[Certificate, Verification]:
    """The certificate whose rank J is that of a minor in real balls, and its verification.

    It claims the rank that balls show, which is less than the former one where that rested on
    a false hypothesis. Raises BadInputError for flows of vector fields, which balls do not reach;
    InconsistentError where the certificate was edited or does not verify.
    """
    return _upgraded(certificate, "balls", claim_in_balls, seed, progress)


def in_series(
    certificate: Certificate, seed: int = 0, progress: Progress = lambda _: None
) -> tuple[Certificate, Verification]:
    """The certificate whose rank J is that along power series, and its verification.

    Raises BadInputError where no curve is found; else as `in_balls`.
    """
    return _upgraded(certificate, "series", claim_in_series, seed, progress)


def _upgraded(
    certificate: Certificate, way: str, claim_of_way: Callable[..., tuple[dict[str, Any], Any]],
    seed: int, progress: Progress,
) -> tuple[Certificate, Verification]:
    """The certificate with another rank J; `way` is the key of what that rests on."""
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
    claim, shown = claim_of_way(network, cell, orbit, rng, progress)
    found = Certificate.issue(
        network, generators, certificate.proofs(), cell, claim, {way: shown.to_json()},
        certificate.families())
    progress("verification")
    verification = verify(found)
    if verification.verdict is Verdict.REFUTED:
        raise InconsistentError(
            f"the certificate does not verify: {verification.reasons[0]}; derive again"
        )
    return found, verification
