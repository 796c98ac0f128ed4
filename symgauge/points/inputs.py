"""Random inputs of a program in each number system: indeterminates, and one-hot vectors."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from symgauge.exact.prime_field import PrimeField
from symgauge.program.array import Array
from symgauge.program.leaf import Input
from symgauge.program.lower import is_piecewise
from symgauge.program.network import Network

#: Sizes of real inputs at which branches are looked for: some are taken at large ones alone.
SIZES = (1.0, 1.0, 4.0, 16.0)

Draw = Callable[[tuple[int, ...]], Array]


def draw_input(x: Input, rng: np.random.Generator, batch: int, draw: Draw) -> Array:
    """One input: entries from `draw`, or a random class at every place."""
    if not x.classes:
        return draw((batch, *x.shape))
    chosen = rng.integers(0, x.classes, size=(batch, *x.shape[:-1]))
    return np.eye(x.classes)[chosen]


def residue_inputs(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int
) -> dict[str, Array]:
    """Uniform residues, and random classes."""
    return {
        x.name: draw_input(x, rng, batch, lambda shape: field.random(rng, shape))
        for x in network.inputs
    }


def real_inputs(network: Network, rng: np.random.Generator, batch: int) -> dict[str, Array]:
    """Normal numbers, and random classes; of several sizes where there are branches to take."""
    sizes = rng.choice(SIZES, size=batch) if is_piecewise(network) else np.ones(batch)

    def draw(shape: tuple[int, ...]) -> Array:
        return rng.normal(size=shape) * sizes.reshape(-1, *(1,) * (len(shape) - 1))

    return {x.name: draw_input(x, rng, batch, draw) for x in network.inputs}


def has_tokens(network: Network) -> bool:
    """Whether an input is one-hot."""
    return any(x.classes for x in network.inputs)
