"""P - rank J of a module by exact ranks over GF(p), nothing proved and nothing derived."""

from collections.abc import Callable

import numpy as np
import torch
from known_networks import KnownNetwork
from torch import Tensor

from symgauge.capture import capture
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points.reads import read_coordinates
from symgauge.points.tokens import draw_tokens
from symgauge.points.tried_cells import CELLS, Cells


def exact_redundancy(
    shapes: str, formula: Callable[..., Tensor], *inputs: Tensor, seed: int = 0
) -> int:
    """The parameters that `shapes` lists ("W1:3x5 b1:3"), less the rank of the Jacobian.

    The rank is the largest that exact random points gave (a few cells where there are branches):
    at most the generic one, and equal to it but for bad luck.
    """
    network = capture(KnownNetwork(shapes, formula), inputs).network
    rng = np.random.default_rng(seed)
    read = read_coordinates(network)
    cells = Cells(
        network, PrimeField(next(primes())), rng, read, draw_tokens(network, rng))
    return int(network.num_coordinates) - cells.extend(int(read.sum()), CELLS)


def points(*shape: int) -> Tensor:
    """An example of real inputs."""
    return torch.randn(shape, generator=torch.Generator().manual_seed(1))


def ids(vocabulary: int, count: int) -> Tensor:
    """An example of token inputs."""
    return torch.arange(count) % vocabulary
