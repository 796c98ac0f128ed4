"""x minus its mean, written out in a program, as one line."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import prod

from symgauge.program.array import Shape
from symgauge.program.network import Network
from symgauge.spaces.line import Line, Region


class Centre(Region):
    """x minus its mean over some axes."""

    name = "centre"
    law = "centring"


#: Laws of what stands between a sum and the mean that is taken off: a factor, axes put back.
_SPREAD = ("repetition", "reshape", "multiple")


def centred_lines(network: Network, fixed: Sequence[bool]) -> dict[int, Line]:
    """Sums that are a line minus its mean, each as one line."""
    found, centre = {}, Centre()
    for i, node in enumerate(network.nodes):
        if node.op is None or node.op.law != "sum of lines" or fixed[i]:
            continue
        for x, other in (node.inputs, node.inputs[::-1]):
            axes = _minus_mean(network, x, other)
            if axes is not None:
                found[i] = Line(i, centre, centre.name, (x,), {"axes": axes}, node.shape)
    return found


def _minus_mean(network: Network, x: int, other: int) -> tuple[int, ...] | None:
    """The axes, where `other` is minus the mean of x over them, repeated."""
    nodes, factor, i = network.nodes, Fraction(1), other
    while (op := nodes[i].op) is not None and op.law in _SPREAD:
        factor *= nodes[i].attrs.get("factor", 1)
        i = nodes[i].inputs[0]
    if op is None or op.law != "sum" or nodes[i].inputs[0] != x:
        return None
    axes = tuple(nodes[i].attrs["axes"])
    shape = nodes[x].shape
    kept = tuple(1 if a in axes else n for a, n in enumerate(shape))
    if factor * prod(shape[a] for a in axes) != -1 or not _restored(network, other, i, kept):
        return None
    return axes


def _restored(network: Network, i: int, stop: int, kept: Shape) -> bool:
    """Whether the shapes from the sum on are: unit axes put back, then repeated."""
    nodes, seen = network.nodes, []
    while i != stop:
        seen.append(nodes[i].shape)
        i = nodes[i].inputs[0]
    # one reshape to the unit axes, whatever scalings stand between
    return all(s in (kept, nodes[stop].shape, seen[0]) for s in seen) and (
        kept in seen or kept == seen[0])
