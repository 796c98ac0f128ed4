"""Whether the parameters of flows can do what their duration does.

The rank of a network with flows is that of all but a discrete set of common factors s of their
durations, and s = 1 could be in the set: (1 - 2t) tanh(W x + b) from 0 to 1 is the identity. But
where every field is autonomous and of degree 1 in some parameters S that nothing else uses, the
duration s T and the parameters S are the duration T and s S: the factors in the set at all
parameters would be all factors. So at generic parameters s = 1 is not among them.

More generally it is enough that powers of l > 0, one for each entry of the parameters, of the
inputs and of the outputs, do what the factor l of all durations does:
f_1(l^a x; l^w theta) = l^c f_l(x; theta). In -Lam x + tanh(W x + b), in tanh(W x + w t + b) from
time 0, in W^T tanh(W x + b) the state scales along (proofs/l4_durations.py).
"""

from __future__ import annotations

import numpy as np

from symgauge.domains.degrees import STILL, DegreeDomain, Inhomogeneous
from symgauge.domains.evaluate import values
from symgauge.program.lower import lower
from symgauge.program.network import Network, Node

#: Parameters above which weights are not sought entry by entry.
MAX_ENTRIES = 2000


def durations_absorbed(network: Network) -> bool:
    """Whether scaling some parameters is scaling all durations: exact, but only sufficient."""
    return _by_parameters(network) or (
        network.num_coordinates <= MAX_ENTRIES and _by_weights(network))


def _by_weights(network: Network) -> bool:
    """Whether weights of parameters, inputs and outputs, entry by entry, do what durations do."""
    lowered, domain = lower(network), DegreeDomain()
    theta = {p.name: domain.fresh((1, *p.shape)) for p in lowered.parameters}
    inputs = {
        x.name: np.full((1, *x.shape), STILL) if x.classes else domain.fresh((1, *x.shape))
        for x in lowered.inputs}
    try:
        values(lowered, domain, theta, inputs)
    except Inhomogeneous:
        return False
    return True


def _by_parameters(network: Network) -> bool:
    """Whether one factor for some parameters that only fields read does it; at any size."""
    lowered = lower(network)
    fields: list[tuple[Node, Network]] = []
    elsewhere = set(lowered.outputs)
    for node in lowered.nodes:
        field = node.body
        if field is None:
            elsewhere |= set(node.inputs)
        else:
            fields.append((node, lower(field)))
            elsewhere.add(node.inputs[0])  # the state at the start
    chosen: set[int] = set()
    for node, field in fields:
        inner = _linear_in(field, field.outputs[0])
        if inner is None:
            return False
        order = {index: k for k, index in enumerate(field.parameter_nodes)}
        chosen |= {node.inputs[1 + order[i]] for i in inner}
    if not chosen <= set(lowered.parameter_nodes) - elsewhere:
        return False
    return all(_degree_one(node, field, chosen) for node, field in fields)


def _linear_in(field: Network, line: int) -> set[int] | None:
    """Parameters whose scaling scales the line, if one look along the operations finds any."""
    node = field.nodes[line]
    if line in field.parameter_nodes:
        return {line}
    if node.op is None:
        return None
    if node.op.bilinear:
        # the second factor first: a weight stands there more often
        found = (_linear_in(field, i) for i in reversed(node.inputs))
        return next((s for s in found if s is not None), None)
    if node.op.linear:
        parts = [_linear_in(field, i) for i in node.inputs]
        if any(s is None for s in parts):
            return None
        return set().union(*(s for s in parts if s is not None))
    return None


def _degree_one(flow: Node, field: Network, chosen: set[int]) -> bool:
    """Whether the field is autonomous and of degree 1 in the chosen parameters, all together."""
    scaled = {
        index for index, outer in zip(field.parameter_nodes, flow.inputs[1:], strict=True)
        if outer in chosen
    }
    clocks = {i for i, x in zip(field.input_nodes, field.inputs, strict=True) if x.name == "t"}
    degree: list[int | None] = []
    moves: list[bool] = []
    for i, node in enumerate(field.nodes):
        below = [degree[j] for j in node.inputs]
        moves.append(i in clocks or any(moves[j] for j in node.inputs))
        if node.op is None:
            degree.append(1 if i in scaled else 0)
        elif None in below:
            degree.append(None)
        elif node.op.bilinear:
            degree.append(sum(d for d in below if d is not None))
        elif node.op.linear:
            degree.append(below[0] if len(set(below)) == 1 else None)
        else:
            degree.append(0 if not any(below) else None)
    out = field.outputs[0]
    return degree[out] == 1 and not moves[out]
