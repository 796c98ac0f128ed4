"""Maxima that are subtracted for the stability of floats alone, as in a softmax written by hand.

A network that does not depend on such a maximum is the same network with 0 in its place, and
no longer piecewise. Whether it depends on it is decided over GF(p): the maximum becomes a
parameter, and its columns of the Jacobian are 0 at random points.
"""

from __future__ import annotations

import numpy as np

from symgauge.errors import InconsistentError
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.network.builder import Builder, Value
from symgauge.network.program import Network, Parameter
from symgauge.network.sampling import jacobian_rows

#: Random points at which a column must vanish: each overlooks a dependence with chance 1/p.
POINTS = 8


def without_idle_maxima(network: Network) -> Network:
    """The network with 0 for each maximum that no output depends on."""
    maxima = [i for i, n in enumerate(network.nodes) if n.op is not None and n.op.name == "amax"]
    idle = [i for i in maxima if _idle(network, i)]
    return network if not idle else _replaced(network, {i: None for i in idle})


def _idle(network: Network, at: int) -> bool:
    name = f"maximum at line {at}"
    freed = _replaced(network, {at: Parameter(name, network.nodes[at].shape)})
    field = PrimeField(next(primes()))
    try:
        rows = jacobian_rows(freed, field, np.random.default_rng(at), POINTS).rows
    except InconsistentError:
        return False
    start = freed.offsets[name]
    return not rows[:, start:start + freed.parameters[-1].size].any()


def _replaced(network: Network, leaves: dict[int, Parameter | None]) -> Network:
    """The network with parameters, or zeros, in the place of some lines."""
    build = Builder(network.ops)
    moved: list[Value] = []
    for i, node in enumerate(network.nodes):
        if i in leaves:
            leaf = leaves[i]
            moved.append(build.full(0, node.shape) if leaf is None else build.leaf(leaf))
        elif node.op is None:
            moved.append(build.leaf(node.leaf))  # type: ignore[arg-type]
        else:
            moved.append(build.apply(node.op.name, *(moved[j] for j in node.inputs), **node.attrs))
    return build.network([moved[i] for i in network.outputs], network.held)
