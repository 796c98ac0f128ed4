"""The program's lines with their laws; centring and rotary regions become one line each."""

from __future__ import annotations

from collections.abc import Sequence

from symgauge.program.constant import Constant
from symgauge.program.network import Network
from symgauge.program.op import NodeOp
from symgauge.spaces.centring import centred_lines
from symgauge.spaces.line import Line
from symgauge.spaces.rotary import Regions, Turns


def lines_of(network: Network, fixed: Sequence[bool], turns: Turns) -> dict[int, Line]:
    """Lines by node, in order, those alone that an output needs. `turns`: those known already."""
    merged = {**centred_lines(network, fixed), **Regions(network, fixed, turns).turned()}
    wanted: set[int] = set()
    stack = list(network.outputs)
    while stack:
        i = stack.pop()
        if i in wanted or fixed[i]:
            continue
        wanted.add(i)
        stack += merged[i].inputs if i in merged else network.nodes[i].inputs
    return {i: merged.get(i) or _plain(network, i) for i in sorted(wanted)}


def _plain(network: Network, i: int) -> Line:
    node = network.nodes[i]
    if node.op is not None and node.op.law == "product" and node.inputs[0] == node.inputs[1]:
        square = network.ops["power"]
        assert isinstance(square, NodeOp)
        return Line(i, square, square.name, node.inputs[:1], {"exponent": 2}, node.shape)
    return Line(i, node.op, node.label, node.inputs, node.attrs, node.shape)


def zero_lines(network: Network) -> list[bool]:
    """Lines that are 0: constants, what is moved from them, and products with them."""
    out: list[bool] = []
    for node in network.nodes:
        if isinstance(node.leaf, Constant):
            out.append(not node.leaf.unknown and all(v == 0 for v in node.leaf.table))
        else:
            out.append(node.op is not None and node.op.vanishes(
                [out[j] for j in node.inputs], **node.attrs))
    return out


def fixed_lines(network: Network, zero: Sequence[bool]) -> list[bool]:
    """Lines that depend on no parameter and no input: 0 times either is such a line."""
    out: list[bool] = []
    for i, node in enumerate(network.nodes):
        out.append(isinstance(node.leaf, Constant) or zero[i] or (
            node.op is not None and all(out[j] for j in node.inputs)))
    return out
