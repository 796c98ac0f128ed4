r"""A factor of an axis that is cut, with more factors behind it: one axis that is cut.

Law: let y be x with one of its axes, of n m t entries, as three axes (n, m, t), and let all that
reads y, moved perhaps, take ranges [a, b) of the axis of m. They are ranges [a t, b t) of the axis
of m t in x as (n, m t), as (b - a, t). Queries, keys and values that lie head by head as
(heads, 3, entries) are then parts of one axis; the entries of one are no entries of another's.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod

from symgauge.ops.permute import Permute
from symgauge.ops.reshape import Reshape
from symgauge.ops.slice import Slice
from symgauge.ops.take import Take
from symgauge.program.array import Shape
from symgauge.program.build import Builder, rebuilt
from symgauge.program.network import Network, Node
from symgauge.program.writer import Value


@dataclass(frozen=True)
class _Cut:
    """A range [a, b) of `axis` of a line, whose axes are then in the order `order`."""

    split: int
    axis: int
    a: int
    b: int
    order: tuple[int, ...]
    #: The last axis that is split off with this one.
    last: int


def rewritten(network: Network) -> Network:
    """The network with each factor that is cut made one axis with those behind it."""
    found: dict[int, _Cut] = {}
    users = _users(network)
    for i, node in enumerate(network.nodes):
        if isinstance(node.op, Reshape) and i not in network.outputs:
            cuts = _cuts(network, users, i)
            if cuts is not None:
                found.update(cuts)
    if not found:
        return network

    def instead(build: Builder, moved: list[Value], i: int) -> Value | None:
        return _written(network, build, moved, found[i]) if i in found else None
    return rebuilt(network, instead)


def _users(network: Network) -> list[list[int]]:
    users: list[list[int]] = [[] for _ in network.nodes]
    for i, node in enumerate(network.nodes):
        for j in dict.fromkeys(node.inputs):
            users[j].append(i)
    return users


def _cuts(
    network: Network, users: Sequence[Sequence[int]], split: int
) -> dict[int, _Cut] | None:
    """The ranges that are all that is read of a reshape, by their lines; None where they are not.
    """
    nodes, shape = network.nodes, network.nodes[split].shape
    found: dict[int, _Cut] = {}
    stack = [(split, tuple(range(len(shape))))]
    while stack:
        i, order = stack.pop()
        for u in users[i]:
            node = nodes[u]
            if i in network.outputs:
                return None
            if isinstance(node.op, Permute):
                stack.append((u, tuple(order[a] for a in node.attrs["dims"])))
                continue
            taken = _range(node)
            if taken is None:
                return None
            axis, a, b = taken
            found[u] = _Cut(split, order[axis], a, b, order, -1)
    axes = {c.axis for c in found.values()}
    ranges = {(c.a, c.b) for c in found.values()}
    if len(axes) != 1 or len(ranges) < 2:
        return None
    (axis,) = axes
    (x,) = nodes[split].inputs
    last = _end_of(nodes[x].shape, shape, axis)
    if last is None or prod(shape[axis + 1:last + 1]) == 1:
        return None
    return {i: _Cut(split, axis, c.a, c.b, c.order, last) for i, c in found.items()}


def _range(node: Node) -> tuple[int, int, int] | None:
    """The axis and the range that a slice, or a list of places, takes."""
    attrs = node.attrs
    if isinstance(node.op, Slice) and attrs["step"] == 1:
        axis, a, b = attrs["axis"], attrs["start"], attrs["stop"]
    elif isinstance(node.op, Take):
        axis, index = attrs["axis"], attrs["index"]
        if not isinstance(index, tuple) or not all(isinstance(k, int) for k in index):
            return None
        a, b = index[0], index[-1] + 1
        if index != tuple(range(a, b)):
            return None
    else:
        return None
    assert isinstance(axis, int) and isinstance(a, int) and isinstance(b, int)
    return axis, a, b


def _end_of(before: Shape, after: Shape, axis: int) -> int | None:
    """The last of the axes that one axis of `before` is split into, where this is one of them.

    None where it is not, or stands alone.
    """
    for first, last in _groups(before, after):
        if first <= axis <= last:
            return last
    return None


def _groups(before: Shape, after: Shape) -> Iterator[tuple[int, int]]:
    """(first, last) of the axes of `after` that one axis of `before` is split into."""
    i = j = 0
    while i < len(before) and j < len(after):
        first, m, n = j, before[i], after[j]
        i, j = i + 1, j + 1
        split = True
        while m != n:
            if n < m:
                n *= after[j]
                j += 1
            else:
                split = False
                m *= before[i]
                i += 1
        if split and j - first > 1:
            yield first, j - 1


def _written(network: Network, build: Builder, moved: list[Value], cut: _Cut) -> Value:
    (x,) = network.nodes[cut.split].inputs
    shape = network.nodes[cut.split].shape
    inner = prod(shape[cut.axis + 1:cut.last + 1])
    joined = (*shape[:cut.axis], shape[cut.axis] * inner, *shape[cut.last + 1:])
    part = build.slice(
        build.reshape(moved[x], joined), cut.axis, cut.a * inner, cut.b * inner)
    back = build.reshape(
        part, (*shape[:cut.axis], cut.b - cut.a, *shape[cut.axis + 1:]))
    return build.permute(back, cut.order)
