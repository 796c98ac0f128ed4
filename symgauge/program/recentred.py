"""A program in other coordinates: a parameter w that is only read as u + w is named by u + w.

Gains are often written so, as 1 + w, or with their entries moved first, as 1 + w[None]. In
w' = u + w the program has a plain gain.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
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
    same = network.ops["reshape"]
    assert isinstance(same, NodeOp)
    nodes, offsets = list(network.nodes), dict(network.added)
    for w in network.parameter_nodes:
        leaf = network.nodes[w].leaf
        sums = list(_sums(network, w))
        found = {u for _, _, u in sums}
        u = found.pop() if len(found) == 1 else None
        if u is None or not isinstance(leaf, Parameter) or leaf.added:
            continue
        offsets[leaf.name] = u
        nodes[w] = replace(nodes[w], leaf=replace(leaf, added=u))
        for i, j, _ in sums:
            # what is read is the parameter now
            nodes[i] = replace(nodes[i], op=same, inputs=(j,), attrs={"size": nodes[i].shape})
    return Recentred(replace(network, nodes=tuple(nodes)), offsets)


def _sums(network: Network, source: int) -> Iterator[tuple[int, int, Fraction | None]]:
    """What reads a line, entries of it moved perhaps, with the moved line and the number added.

    None where it adds none, or an output is read.
    """
    if source in network.outputs:
        yield source, source, None
    for i in network.readers[source]:
        node = network.nodes[i]
        if isinstance(node.op, Structural) and len(node.inputs) == 1:
            yield from _sums(network, i)
        else:
            yield i, source, _added(network, i, source)


def _added(network: Network, line: int, source: int) -> Fraction | None:
    """The number that a line adds to another and nothing else, or None."""
    node = network.nodes[line]
    if node.op is None or node.op.law != "sum of lines" or len(set(node.inputs)) != 2:
        return None
    (other,) = (j for j in node.inputs if j != source)
    if node.shape != network.nodes[source].shape:
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
