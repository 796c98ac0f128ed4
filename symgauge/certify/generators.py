"""Whether the generators of a certificate are proved, or refuted at exact points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from symgauge.certify.certificate import Stated
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw, joined
from symgauge.points.rows import SPARE, jacobian_rows
from symgauge.program.network import Network
from symgauge.proof.intertwiners.proof import FamilyProver
from symgauge.proof.prover import Prover
from symgauge.proof.record import Proof
from symgauge.verdict import Verdict


def refuted_at_points(
    network: Network, generator: VectorField, field: PrimeField, rng: np.random.Generator
) -> bool:
    """Whether J X is not 0 at exact random points (inputs, parameters and cells drawn fresh)."""
    rows = jacobian_rows(Draw(network, field, rng), SPARE)
    return moves_at(generator, rows.rows, joined(network, rows.parameters), field)


def moves_at(generator: VectorField, rows: Array, theta: Array, field: PrimeField) -> bool:
    """Whether J X is not 0 for some of these rows of J, each at its own point theta."""
    moved = generator.at(theta, field)
    return bool(field.matmul(rows[:, None, :], moved[:, :, None]).any())


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
