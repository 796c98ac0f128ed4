"""rank G: the dimension of the orbits of the proved generators."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgauge.exact.prime_field import PrimeField
from symgauge.lie.fields import VectorField, orbit_rank
from symgauge.program.network import Network


def orbit_dimension(
    network: Network, generators: Sequence[VectorField], read: np.ndarray, field: PrimeField,
    rng: np.random.Generator,
) -> int:
    """rank G at exact random points, along the coordinates that an output reads."""
    if not generators:
        return 0
    masked, found = [_masked(g, read) for g in generators], 0
    for _ in range(2):
        found = max(found, orbit_rank(masked, field.random(rng, (network.num_coordinates,)), field))
        if found == len(masked):
            break  # no point shows more
    return found


def _masked(generator: VectorField, read: np.ndarray) -> VectorField:
    """The components along coordinates that an output reads."""
    if read.all():
        return generator
    return VectorField({(k, m): c for (k, m), c in generator.terms.items() if read[k]})
