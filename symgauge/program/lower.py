"""A program by primitives alone, and its start: what is evaluated of it."""

from __future__ import annotations

import numpy as np

from symgauge.program.build import Builder
from symgauge.program.constant import Constant
from symgauge.program.kept import kept
from symgauge.program.leaf import Input
from symgauge.program.network import Network, Node
from symgauge.program.op import Primitive
from symgauge.program.writer import Value


@kept
def lower(network: Network) -> Network:
    """The same function by primitives alone."""
    if all(n.op is None or isinstance(n.op, Primitive) for n in network.nodes):
        return network
    build = Builder(network.ops)
    moved: list[Value] = []
    for node in network.nodes:
        if node.op is None:
            moved.append(build.leaf(node.leaf))  # type: ignore[arg-type]
            continue
        xs = [moved[i] for i in node.inputs]
        moved.append(build.lower(node.op, xs, node.attrs))
    return build.network([moved[i] for i in network.outputs], network.held)


@kept
def germ_of(network: Network) -> Network:
    """The lowered program with flows of duration 0: the constant terms of its power series.

    A flow's line is its start. The lines of its vector field, evaluated there, stand before
    it in their order, and the velocity is one more output. Equal lines are not shared:
    branches are met in the same order as in the program.
    """
    lowered = lower(network)
    if not lowered.has_flows:
        return lowered
    nodes: list[Node] = []
    moved: list[int] = []
    velocities: list[int] = []

    def put(node: Node, inputs: tuple[int, ...]) -> int:
        nodes.append(Node(node.op, inputs, node.attrs, node.shape, node.leaf))
        return len(nodes) - 1

    for node in lowered.nodes:
        at = tuple(moved[j] for j in node.inputs)
        inner = node.body
        if inner is None:
            moved.append(put(node, at))
            continue
        field = lower(inner)
        given = {
            i: at[k + 1] for k, i in enumerate(field.parameter_nodes)
        } | {
            i: at[0] for i, x in zip(field.input_nodes, field.inputs, strict=True)
            if x.name == "x"
        }
        own: list[int] = []
        start = Constant((node.attrs["t0"],), np.zeros((), dtype=np.int64))
        for i, line in enumerate(field.nodes):
            if isinstance(line.leaf, Input) and line.leaf.name == "t":
                own.append(put(Node(None, (), {}, (), start), ()))
            else:
                known = given.get(i)
                own.append(put(line, tuple(own[j] for j in line.inputs))
                           if known is None else known)
        velocities.append(own[field.outputs[0]])
        moved.append(at[0])
    outputs = (*(moved[i] for i in lowered.outputs), *velocities)
    return Network(tuple(nodes), outputs, network.ops, network.held)


@kept
def is_piecewise(network: Network) -> bool:
    """Whether a branch is decided somewhere: each cell has formulas of its own."""
    return any(isinstance(n.op, Primitive) and n.op.branches for n in germ_of(network).nodes)


def has_op(network: Network, name: str) -> bool:
    """Whether an op of this name stands in the lowered program or in a field's."""
    return any(n.op is not None and n.op.name == name for n in germ_of(network).nodes)
