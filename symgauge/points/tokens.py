"""Token inputs for one theta."""

from __future__ import annotations

from math import prod

import numpy as np

from symgauge.points.inputs import draw_input, has_tokens
from symgauge.points.rows import SPARE
from symgauge.program.array import Array
from symgauge.program.network import Network


def few_tokens(network: Network, count: int) -> bool:
    """Whether all inputs are tokens, and there are no more than `count` of them."""
    number = 1
    for x in network.inputs:
        number *= x.classes ** prod(x.shape[:-1]) if x.classes else count + 1
    return has_tokens(network) and number <= count


def draw_tokens(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """Token inputs for one theta: as many as there are rows of the Jacobian.

    The rank and the test of independence take the same ones.
    """
    count = network.num_coordinates + 2 * SPARE
    drawn = {
        x.name: draw_input(x, rng, count, rng.random) for x in network.inputs if x.classes
    }
    if few_tokens(network, count):
        # all of them, in turn: a drawn sample may leave one out
        number = np.arange(count)
        for x in network.inputs:
            for where in np.ndindex(*x.shape[:-1]):
                drawn[x.name][(slice(None), *where)] = np.eye(x.classes)[number % x.classes]
                number = number // x.classes
    elif ids_decide(network):
        # one id at all places is rare, and decides much: nothing but padding, a largest id of 0
        same = np.arange(min(count, max((x.classes for x in network.inputs), default=0)))
        for x in network.inputs:
            if x.classes:
                alike = np.eye(x.classes)[same % x.classes]
                alike = alike.reshape(len(same), *(1,) * (len(x.shape) - 1), x.classes)
                alike = np.broadcast_to(alike, (len(same), *x.shape))
                drawn[x.name] = np.concatenate([drawn[x.name], alike])
    return drawn


def ids_decide(network: Network) -> bool:
    """Whether something else is made of token ids than rows of a table."""
    return any(n.op is not None and n.op.law == "function of tokens" for n in network.nodes)
