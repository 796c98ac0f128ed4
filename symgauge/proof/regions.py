"""Composite lines, as programs that a proof evaluates by themselves."""

from __future__ import annotations

from symgauge.program.build import Builder
from symgauge.program.constant import Constant
from symgauge.program.leaf import Input
from symgauge.program.network import Network, Node
from symgauge.program.writer import Value


def expansion(network: Network, node: Node) -> Network:
    """A composite line as a program of primitives on its inputs, which are named by numbers."""
    build = Builder(network.ops)
    xs: list[Value] = []
    for k, j in enumerate(node.inputs):
        leaf = network.nodes[j].leaf
        made = leaf if isinstance(leaf, Constant) else Input(str(k), network.nodes[j].shape)
        xs.append(build.leaf(made))
    assert node.op is not None
    return build.network([build.lower(node.op, xs, node.attrs)])
