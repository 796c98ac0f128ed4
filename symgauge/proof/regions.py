"""Parts of a program that a proof evaluates by themselves."""

from __future__ import annotations

from collections.abc import Sequence

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


def needed_lines(network: Network) -> set[int]:
    """Lines that an output reads."""
    return lines_below(network, network.outputs)


def lines_below(network: Network, lines: Sequence[int]) -> set[int]:
    """These lines and all that they are made of."""
    found: set[int] = set()
    stack = list(lines)
    while stack:
        i = stack.pop()
        if i not in found:
            found.add(i)
            stack.extend(network.nodes[i].inputs)
    return found
