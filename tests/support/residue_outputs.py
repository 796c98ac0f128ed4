"""A program's outputs at residues, for tests."""

from collections.abc import Mapping, Sequence

import numpy as np

from symgauge.domains.evaluate import outputs
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.rows import Lifted
from symgauge.program.lower import lower
from symgauge.program.network import Network


def evaluate_at(
    network: Network, field: PrimeField, salt: int, parameters: Mapping[str, Array],
    inputs: Mapping[str, Array], patterns: Sequence[Array] = (), twisted: bool = False,
) -> tuple[list[Array], ResidueDomain]:
    """The output values over GF(p), and the domain that tells which rows are valid.

    `twisted`: as in the plan by which points with roots were found.
    """
    batch = max((len(v) for v in (*inputs.values(), *parameters.values())), default=1)
    domain = ResidueDomain(field, salt, batch, patterns, twisted)
    lifted = Lifted(network, domain, batch)
    found = outputs(lower(network), lifted.values(parameters, inputs))
    # a series counts as one value: its coefficients stand side by side
    return [
        v if len(v) <= batch else np.moveaxis(
            v.reshape(-1, batch, *v.shape[1:]), 0, 1).reshape(batch, -1)
        for v in found
    ], domain
