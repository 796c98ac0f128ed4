"""How points are drawn, and one batch of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as attribute

import numpy as np

from symgauge.exact.prime_field import PrimeField
from symgauge.program.array import Array
from symgauge.program.network import Network

#: Values by the name of the tensor, batch first.
Tensors = Mapping[str, Array]


@dataclass(frozen=True)
class Draw:
    """The program, the field, the source of chance, and what all rows share.

    theta: residues with batch 1, the same for all rows; None draws a fresh theta for each row.
    cell: the float point whose cell the rows live on; empty takes a fresh cell for each row.
    salt: which residues stand for transcendental values; a theta with roots has one of its own.
    tokens: token inputs to take in turn (see `draw_tokens`); none draws fresh ones.
    """

    network: Network
    field: PrimeField
    rng: np.random.Generator
    theta: Tensors | None = None
    cell: Tensors = attribute(default_factory=dict)
    salt: int | None = None
    tokens: Tensors = attribute(default_factory=dict)


@dataclass(frozen=True)
class Point:
    """A batch of points: residues, which may be redrawn in place, and the branches there."""

    salt: int
    parameters: dict[str, Array]
    inputs: dict[str, Array]
    patterns: Sequence[Array]


def split(network: Network, theta: Array) -> Tensors:
    """Parameters of flat vectors of shape (points, coordinates)."""
    out, start = {}, 0
    for p in network.parameters:
        out[p.name] = theta[:, start:start + p.size].reshape(len(theta), *p.shape)
        start += p.size
    return out


def joined(network: Network, parameters: Tensors) -> Array:
    """The flat vectors of parameters."""
    return np.concatenate(
        [parameters[p.name].reshape(len(parameters[p.name]), -1) for p in network.parameters],
        axis=1,
    )
