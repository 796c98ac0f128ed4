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
    points = [field.random(rng, (network.num_coordinates,)) for _ in range(2)]
    masked = [_masked(g, read) for g in generators]
    return max(orbit_rank(masked, point, field) for point in points)


def _masked(generator: VectorField, read: np.ndarray) -> VectorField:
    """The components along coordinates that an output reads."""
    return VectorField({(k, m): c for (k, m), c in generator.terms.items() if read[k]})
