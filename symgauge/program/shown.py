"""Where the entries along an axis of a line come from, through lines that only move entries."""

from __future__ import annotations

from math import prod

import numpy as np

from symgauge.program.leaf import Parameter
from symgauge.program.network import Network, Node
from symgauge.program.op import Structural

#: Entries of a line above which it is not looked through.
MOST = 1 << 24


def moves(node: Node) -> bool:
    """Whether a line only moves entries of one other."""
    return isinstance(node.op, Structural) and len(node.inputs) == 1 and prod(node.shape) <= MOST


def moved(network: Network, node: Node, axis: int) -> int | None:
    """The axis of the value that is, entry by entry, one of the input; None where none is."""
    shape = network.nodes[node.inputs[0]].shape
    n = shape[axis]
    if n == 1 or prod(shape) > MOST:
        return None
    assert isinstance(node.op, Structural)

    def along(rank: int, a: int) -> np.ndarray:
        return np.arange(n).reshape((n,) + (1,) * (rank - 1 - a))

    index = np.broadcast_to(along(len(shape), axis), shape)
    # the domain is not used by ops that only move entries
    value = node.op.apply(None, index[None], **node.attrs)[0]  # type: ignore[arg-type]
    return next((
        a for a, m in enumerate(value.shape)
        if m == n and (value == along(value.ndim, a)).all()), None)


def before(network: Network, node: Node, axis: int) -> int | None:
    """The axis of the input that is, entry by entry, one of the value; None where none is."""
    rank = len(network.nodes[node.inputs[0]].shape)
    return next((a for a in range(rank) if moved(network, node, a) == axis), None)


def shown(network: Network, i: int, axis: int) -> tuple[int, int] | None:
    """The parameter of which a line shows all of an axis there, and that axis."""
    while (node := network.nodes[i]).op is not None:
        if not moves(node):
            return None
        there = before(network, node, axis)
        if there is None:
            return None
        (i,), axis = node.inputs, there
    return (i, axis) if isinstance(node.leaf, Parameter) else None
