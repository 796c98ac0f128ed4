"""A residual stream: x_j = x_{j-1} + b_j(x_{j-1}), by whose last line alone outputs see inputs.

No architecture is known: a stream is found from which lines depend on which, and which entries of
parameters write which coordinate of a summand from derivatives at residues. What is taken for one
here only says where a rank is looked for, never what it is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import cotangents, values
from symgauge.domains.residues import ResidueDomain
from symgauge.points.draw import Draw
from symgauge.points.inputs import residue_inputs
from symgauge.program.leaf import Input, Parameter
from symgauge.program.network import Network, Node

#: Points at which an entry that writes a coordinate is seen to do so.
SEEN_AT = 4

#: For each entry of a tensor the coordinate that it writes.
Places = npt.NDArray[np.int64]


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
        lines = ((n.op_name, n.shape, n.inputs) for n in self.network.nodes)
        return (*lines, *(p.name in self.own for p in self.network.parameters))

    @property
    def named(self) -> tuple[str, ...]:
        """Its own parameters, in one order for all summands of a form."""
        return tuple(p.name for p in self.network.parameters if p.name in self.own)


@dataclass(frozen=True)
class Stream:
    """The last line of a stream, its summands from the first on, parameters behind it alone."""

    last: int
    summands: tuple[Summand, ...]
    behind: frozenset[str]

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
    behind = frozenset(
        p.name for i, p in zip(network.parameter_nodes, network.parameters, strict=True)
        if not above[last] >> i & 1)
    return Stream(last, tuple(reversed(found)), behind) if len(found) > 1 else None


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


def writers(summand: Summand, draw: Draw) -> dict[str, Places]:
    """Which coordinate of the last axis each entry of its own parameters moves alone; -1: none."""
    network, field, rng = summand.network, draw.field, draw.rng
    width = summand.shape[-1]
    batch = SEEN_AT * width
    domain = ResidueDomain(field, draw.salt or 0, batch, (), True)
    drawn = {p.name: field.random(rng, (batch, *p.shape)) for p in network.parameters}
    lines = values(network, domain, drawn, residue_inputs(network, field, rng, batch))
    one = np.tile(np.eye(width), (SEEN_AT, 1)).reshape(
        batch, *(1 for _ in summand.shape[1:]), width)
    rows = cotangents(
        network, domain, lines, [field.random(rng, (batch, *summand.shape)) * one])
    found = {}
    for name in summand.named:
        row = rows[name]
        moved = (row != 0.0).reshape(SEEN_AT, width, *row.shape[1:]).any(axis=0)
        found[name] = np.where(moved.sum(axis=0) == 1, moved.argmax(axis=0), -1)
    return found


@dataclass(frozen=True)
class Window:
    """Which entries write: to the coordinates start, ..., start + size - 1, each to one of them.

    The entries that may write a coordinate are taken as so many sources in their order; `turns`:
    a source writes the next coordinate after the one before, else so do equally many together.
    """

    start: int
    size: int
    turns: bool

    def writes(self, places: Places) -> npt.NDArray[np.bool_]:
        """The entries that may be other than 0, of a tensor with `writers` as given."""
        source = np.zeros_like(places)
        several = 0
        for c in np.unique(places[places >= 0]):
            at = places == c
            several = max(several, int(at.sum()))
            source[at] = np.arange(at.sum())
        to = source % self.size if self.turns else source * self.size // max(several, 1)
        inside = (self.start <= places) & (places < self.start + self.size)
        # what a coordinate has a few entries of, as gains, stays
        mine = inside & ((to == places - self.start) | (several < self.size))
        out: npt.NDArray[np.bool_] = (places < 0) | mine
        return out
