"""Why a coordinate of the parameters is read by no output: by the program alone, no sample.

`read_coordinates` says which are read; here each of the others has the first reason that holds.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from symgauge.domains.reads import ReadsDomain
from symgauge.points.reads import read_coordinates
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.excerpt import needed_lines
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network
from symgauge.program.op import Primitive

NO_PATH = "no path to an output"
COMPARED = "read in comparisons and roundings alone"
ZERO = "behind a zero"
BEYOND = "position beyond the example"


def unread_tensors(network: Network) -> list[dict[str, Any]]:
    """The unread coordinates: {tensor, count, reason}, tensors in their order.

    No path to an output; behind a zero (a constant factor is 0); read in comparisons and
    roundings alone, which are locally constant; else entries that no op picks at the example's
    shape.
    """
    read = read_coordinates(network)
    if read.all():
        return []
    reached = _reached(network)
    compared = read_coordinates(_with_comparisons(network)) if is_piecewise(network) else read
    nonzero = read_coordinates(network, _WithoutZeros())
    out = []
    for p in network.parameters:
        start = network.offsets[p.name]
        part = slice(start, start + p.size)
        left = ~read[part]
        for reason, holds in (
            (NO_PATH, np.full(p.size, p.name not in reached)), (ZERO, nonzero[part]),
            (COMPARED, compared[part]), (BEYOND, np.ones(p.size, dtype=bool)),
        ):
            count = int((left & holds).sum())
            left = left & ~holds
            if count:
                out.append({"tensor": p.name, "count": count, "reason": reason})
    return out


def _reached(network: Network) -> set[str]:
    """Parameters that stand before some output."""
    needed = needed_lines(network)
    return {p.name for i, p in zip(network.parameter_nodes, network.parameters) if i in needed}


def _with_comparisons(network: Network) -> Network:
    """The program in which what a branch depends on is an output too."""
    lowered = lower(network)
    stack, seen = list(lowered.outputs), set(lowered.outputs)
    found = list(lowered.outputs)
    while stack:
        node = lowered.nodes[stack.pop()]
        if isinstance(node.op, Primitive) and node.op.branches:
            found += node.inputs
        for j in node.inputs:
            if j not in seen:
                seen.add(j)
                stack.append(j)
    return replace(lowered, outputs=tuple(dict.fromkeys(found)))


class _WithoutZeros(ReadsDomain):
    """No constant is 0: what is read then, and not with the constants, is behind a zero."""

    def constant(self, constant: Constant) -> Array:
        return np.ones((1, *constant.shape))

    def scale(self, a: Array, factor: Fraction) -> Array:
        return a
