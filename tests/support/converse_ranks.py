"""P - rank J of a captured network, exact modulo a prime; of several cells the largest rank."""

import sys

import numpy as np
from places import ROOT

from symgauge.converse.sweep import sweep
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.tried_cells import Cells
from symgauge.program.network import Network

sys.path.insert(0, str(ROOT / "docs" / "benchmarks"))


def redundancy_of(network: Network, seed: int) -> int:
    field, rng = PrimeField(next(primes())), np.random.default_rng(seed)
    read = np.ones(network.num_coordinates, dtype=bool)
    cells = Cells(network, field, rng, read, {})
    return network.num_coordinates - cells.many(
        network.num_coordinates, network.num_coordinates)


def tokens_of(network: Network, seed: int) -> int:
    """The same of a network of tokens, each of which is as frequent as any other."""
    from converse_fuzz import dimensions

    return dimensions(sweep(network), seed)[0]
