"""Some lines of a program as a program: what they read of others is given, what others read told.

What varies only by lines of the excerpt, and leaves its outputs unchanged whatever is given, leaves
the program unchanged.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from symgauge.program.kept import kept
from symgauge.program.leaf import Input
from symgauge.program.network import Network, Node


@dataclass(frozen=True)
class Excerpt:
    """The program, and the line of the first program that each of its lines is."""

    network: Network
    numbers: tuple[int, ...]


def excerpt(network: Network, lines: Collection[int]) -> Excerpt:
    """The program of these lines, in their order.

    Its inputs are the lines that these read beside themselves; its outputs those of them that an
    output is or that another line reads on which an output depends.
    """
    read = {j for i in lines for j in network.nodes[i].inputs}
    order = sorted(read.union(lines))
    place = {i: k for k, i in enumerate(order)}
    nodes = tuple(
        replace(network.nodes[i], inputs=tuple(place[j] for j in network.nodes[i].inputs))
        if i in lines else _given(network.nodes[i], i) for i in order)
    live = needed_lines(network)
    told = tuple(
        place[i] for i in order if i in lines and i in live and (
            i in network.outputs or any(u not in lines and u in live for u in network.readers[i])))
    return Excerpt(Network(nodes, told, network.ops, network.held), tuple(order))


def _given(node: Node, i: int) -> Node:
    return Node(None, (), {}, node.shape, Input(f"line {i}", node.shape))


@kept
def needed_lines(network: Network) -> set[int]:
    """Lines on which an output depends."""
    return lines_below(network, network.outputs)


def lines_below(
    network: Network, lines: Sequence[int], given: Collection[int] = ()
) -> set[int]:
    """These lines and all that they are made of, but for `given` lines and what these are of."""
    found: set[int] = set()
    stack = list(lines)
    while stack:
        i = stack.pop()
        if i not in found and i not in given:
            found.add(i)
            stack.extend(network.nodes[i].inputs)
    return found
