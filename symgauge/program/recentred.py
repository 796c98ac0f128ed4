"""A program in other coordinates: a parameter w that is only read as u + w is named by u + w.

Gains are often written so, as 1 + w. In w' = u + w the program has a plain gain.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from symgauge.program.constant import Constant
from symgauge.program.leaf import Parameter
from symgauge.program.network import Network, Node
from symgauge.program.op import NodeOp, Structural


@dataclass(frozen=True)
class Recentred:
    """The program in w' = u + w, line by line the same, and u by the parameter's name.

    Its leaves say so too, so that it is its own.
    """

    network: Network
    offsets: Mapping[str, Fraction]


def recentred(network: Network) -> Recentred:
    """The program in which every parameter that is always added to one number contains it."""
    readers: dict[int, list[int]] = {i: [] for i in network.parameter_nodes}
    for i, node in enumerate(network.nodes):
        for j in node.inputs:
            if j in readers:
                readers[j].append(i)
    same = network.ops["reshape"]
    assert isinstance(same, NodeOp)
    nodes, offsets = list(network.nodes), dict(network.added)
    for w, lines in readers.items():
        leaf = network.nodes[w].leaf
        found = {_added(network, i, w) for i in lines}
        u = found.pop() if len(found) == 1 else None
        if u is None or w in network.outputs or not isinstance(leaf, Parameter) or leaf.added:
            continue
        offsets[leaf.name] = u
        nodes[w] = replace(nodes[w], leaf=replace(leaf, added=u))
        for i in lines:
            # what is read is the parameter now
            nodes[i] = replace(nodes[i], op=same, inputs=(w,), attrs={"size": leaf.shape})
    return Recentred(replace(network, nodes=tuple(nodes)), offsets)


def _added(network: Network, line: int, parameter: int) -> Fraction | None:
    """The number that a line adds to a parameter and nothing else, or None."""
    node = network.nodes[line]
    if node.op is None or node.op.law != "sum of lines" or len(set(node.inputs)) != 2:
        return None
    (other,) = (j for j in node.inputs if j != parameter)
    if node.shape != network.nodes[parameter].shape:
        return None
    return _number(network, network.nodes[other])


def _number(network: Network, node: Node) -> Fraction | None:
    """The value of all entries of a constant, moved perhaps, or of a multiple of one."""
    factor = Fraction(1)
    while len(node.inputs) == 1 and node.op is not None and (
            isinstance(node.op, Structural) or node.op.law == "multiple"):
        factor *= node.attrs.get("factor", 1)
        node = network.nodes[node.inputs[0]]
    if not isinstance(node.leaf, Constant) or node.leaf.unknown:
        return None
    values = {node.leaf.table[k] for k in set(node.leaf.index.reshape(-1).tolist())}
    return factor * values.pop() if len(values) == 1 else None
