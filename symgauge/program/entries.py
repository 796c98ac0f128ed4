"""Which entries of another line a line is, where entries are moved, repeated and selected alone."""

from __future__ import annotations

from math import prod

import numpy as np

from symgauge.program.array import Array
from symgauge.program.network import Network
from symgauge.program.op import Structural


def entries_below(network: Network, i: int) -> tuple[int, Array]:
    """The last line below that is no such move, and the number of its entry at each place of i."""
    node = network.nodes[i]
    if not isinstance(node.op, Structural) or len(node.inputs) != 1:
        return i, np.arange(prod(node.shape)).reshape(node.shape)
    below, numbers = entries_below(network, node.inputs[0])
    return below, node.op.moved_alone(numbers, **node.attrs)
