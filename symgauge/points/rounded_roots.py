"""Roots of constants as the nearest floats, where exact ones leave a symmetry without a rational
coefficient: b -> b + c, bn -> bn - g c / sqrt(v) behind a normalisation by fixed statistics.

Another network, and one that knows no identity of roots: it is derived in place of the exact one
only where J has the same rank on both.
"""

from __future__ import annotations

import numpy as np

from symgauge.domains.evaluate import outputs, values
from symgauge.domains.known import arguments_of, nested_functions
from symgauge.domains.real import RealDomain
from symgauge.program.build import Builder
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.program.writer import Value


def with_rounded_roots(network: Network) -> Network:
    """The program with floats for constants that are rational but for roots; itself without any."""
    constant, build = network.is_constant, Builder(network.ops)
    read = {
        j for i, n in enumerate(network.nodes) if not constant[i] for j in n.inputs if constant[j]}
    lines: list[Value] = []
    found = False
    for i, node in enumerate(network.nodes):
        if node.op is None:
            assert node.leaf is not None
            lines.append(build.leaf(node.leaf))
            continue
        line = build.apply(node.op.name, *(lines[j] for j in node.inputs), **node.attrs)
        if i in read:
            part = lower(build.network([line]))
            functions = {part.nodes[k].label for k in arguments_of(part)}
            if functions == {"rsqrt"} and not nested_functions(part):
                # leaves stand in every program of the builder; no constant reads them
                theta = {p.name: np.zeros((1, *p.shape)) for p in part.parameters}
                inputs = {x.name: np.zeros((1, *x.shape)) for x in part.inputs}
                (value,) = outputs(part, values(part, RealDomain(), theta, inputs))
                line, found = build.floats(value[0]), True
        lines.append(line)
    return build.network([lines[i] for i in network.outputs], network.held) if found else network
