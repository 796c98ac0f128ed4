"""A residual stream: x_j = x_{j-1} + b_j(x_{j-1}), by whose last line alone outputs see inputs.

No architecture is known: a stream is found from which lines depend on which, and which entries of
parameters write which coordinate of a summand from derivatives at residues. What is taken for one
here only says where a rank is looked for, never what it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import cotangents, values
from symgauge.domains.residues import ResidueDomain
from symgauge.points.draw import Draw
from symgauge.points.inputs import residue_inputs
from symgauge.program.array import Array
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network, Node

#: Points at which an entry that writes a coordinate is seen to do so.
SEEN_AT = 4


@dataclass(frozen=True)
class Summand:
    """b_j as a program of its own, the line that it is added to being an input.

    `own`: the parameters that no other line of the whole program reads.
    """

    network: Network
    own: frozenset[str]

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the stream."""
        return self.network.nodes[self.network.outputs[0]].shape

    @property
    def form(self) -> tuple[object, ...]:
        """Equal for summands of the same form: ops and shapes, without names."""
        return tuple((n.op_name, n.shape, n.inputs) for n in self.network.nodes)


@dataclass(frozen=True)
class Stream:
    """The last line of a stream, and its summands from the first on."""

    last: int
    summands: tuple[Summand, ...]

    @property
    def width(self) -> int:
        """Of the last axis, whose coordinates summands are made to write."""
        return self.summands[0].shape[-1]


def stream_of(network: Network) -> Stream | None:
    """The stream of a program of primitives, or None where there is none of two summands."""
    above = _above(network)
    for last in range(len(network.nodes) - 1, -1, -1):
        if _skipped(network, above, last) is not None and _sees_all(network, last):
            break
    else:
        return None
    readers: dict[str, list[int]] = {p.name: [] for p in network.parameters}
    for i, node in enumerate(network.nodes):
        for j in node.inputs:
            leaf = network.nodes[j].leaf
            if isinstance(leaf, Parameter):
                readers[leaf.name].append(i)
    found: list[Summand] = []
    line, skipped = last, _skipped(network, above, last)
    while skipped is not None:
        start, stop = skipped
        needed = _between(network, start, stop)
        own = {name for name, lines in readers.items() if lines and needed.issuperset(lines)}
        found.append(Summand(_part(network, needed, start, stop), frozenset(own)))
        line = start
        skipped = _skipped(network, above, line)
    return Stream(last, tuple(reversed(found))) if len(found) > 1 else None


def _above(network: Network) -> list[int]:
    """The lines that each line depends on, as the bits of integers."""
    out: list[int] = []
    for node in network.nodes:
        bits = 0
        for j in node.inputs:
            bits |= out[j] | 1 << j
        out.append(bits)
    return out


def _skipped(network: Network, above: list[int], line: int) -> tuple[int, int] | None:
    """(x, b) where the line is x + b and b depends on x and on parameters, all three of one shape.

    What a norm subtracts, its mean, depends on x alone.
    """
    node = network.nodes[line]
    if node.op is None or node.op.law != "sum of lines" or len(node.inputs) != 2:
        return None
    for x, b in (node.inputs, node.inputs[::-1]):
        if above[b] >> x & 1 and not network.is_constant[x] and node.shape and (
                network.nodes[x].shape == network.nodes[b].shape == node.shape) and any(
                isinstance(network.nodes[i].leaf, Parameter) for i in _between(network, x, b)):
            return x, b
    return None


def _sees_all(network: Network, line: int) -> bool:
    """Whether outputs depend on inputs through this line alone."""
    around: list[bool] = []
    for i, node in enumerate(network.nodes):
        around.append(i != line and (
            isinstance(node.leaf, Input) or any(around[j] for j in node.inputs)))
    return not any(around[i] for i in network.outputs)


def _between(network: Network, start: int, stop: int) -> set[int]:
    """The lines that `stop` needs where `start` is given."""
    needed, stack = {stop}, [stop]
    while stack:
        for j in network.nodes[stack.pop()].inputs:
            if j != start and j not in needed:
                needed.add(j)
                stack.append(j)
    return needed


def _part(network: Network, needed: Collection[int], start: int, stop: int) -> Network:
    """These lines as a program, `start` as an input of it."""
    at: dict[int, int] = {}
    nodes: list[Node] = []
    for i in sorted({*needed, start}):
        node = network.nodes[i]
        at[i] = len(nodes)
        nodes.append(
            Node(None, (), {}, node.shape, Input(f"line {start}", node.shape)) if i == start
            else Node(node.op, tuple(at[j] for j in node.inputs), node.attrs, node.shape, node.leaf)
        )
    return Network(tuple(nodes), (at[stop],), network.ops)


def writing_alone(
    summand: Summand, written: npt.NDArray[np.bool_], theta: Mapping[str, Array], draw: Draw
) -> dict[str, Array]:
    """Its own parameters, those entries 0 that move no coordinate of the last axis in `written`."""
    network, field, rng = summand.network, draw.field, draw.rng
    domain = ResidueDomain(field, draw.salt or 0, SEEN_AT, (), True)
    drawn = {p.name: field.random(rng, (SEEN_AT, *p.shape)) for p in network.parameters}
    lines = values(network, domain, drawn, residue_inputs(network, field, rng, SEEN_AT))
    seed = field.random(rng, (SEEN_AT, *summand.shape)) * written
    rows = cotangents(network, domain, lines, [seed])
    return {
        name: np.where((rows[name] != 0.0).any(axis=0), theta[name], 0.0)
        for name in sorted(summand.own)
    }
