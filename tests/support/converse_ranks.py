"""P - rank J of a captured network, exact modulo a prime; of several cells the largest rank."""

import numpy as np

from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.tried_cells import Cells
from symgauge.program.network import Network


def redundancy_of(network: Network, seed: int) -> int:
    field, rng = PrimeField(next(primes())), np.random.default_rng(seed)
    read = np.ones(network.num_coordinates, dtype=bool)
    cells = Cells(network, field, rng, read, {})
    return network.num_coordinates - cells.many(
        network.num_coordinates, network.num_coordinates)
