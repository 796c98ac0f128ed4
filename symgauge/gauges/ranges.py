"""Scales that give what writes an index and what reads it one range."""

from __future__ import annotations

import numpy as np

from symgauge.families.family import Move
from symgauge.weights.action import Array
from symgauge.gauges.gauge import Gauge, sides
from symgauge.gauges.recipe import Outcome
from symgauge.weights.statement import Group
from symgauge.gauges.symmetries import Symmetries


def is_between_matrices(group: Group, symmetries: Symmetries) -> bool:
    """Whether an element multiplies one matrix and divides another, and moves no gain.

    What adds to a tensor, or acts through a slice, is left out.
    """
    ranks = symmetries.ranks
    up, down = sides(group)
    return not group.via and len(up) + len(down) == len(group.moves) and all(
        any(ranks[m.parameter] > 1 for m in side) for side in (up, down)) and not any(
        m.offset or m.parameter in symmetries.slices for m in group.moves) and all(
        abs(m.weight) == 1 for m in group.moves)


def equalised(gauge: Gauge, group: Group, found: Outcome) -> None:
    """Scale by s_i = (largest entry that reads index i / largest that writes it)^1/2."""
    assert group.kind is not None
    ranks = gauge.symmetries.ranks
    up, down = (
        _largest(gauge, [m for m in side if ranks[m.parameter] > 1]) for side in sides(group))
    used = (up > 0) & (down > 0)
    s = np.sqrt(np.where(used, down, 1.0) / np.where(used, up, 1.0))
    gauge.act(group, s[:, :, None] * np.eye(group.size) if group.kind.is_matrix else s)
    unused = int((~used).sum())
    found.done.append(
        ", ".join(group.tensors) + (f" ({unused} indices with zeros alone stay)" if unused else ""))


def _largest(gauge: Gauge, moves: list[Move]) -> Array:
    """The largest entry of each index, (copies, n)."""
    found: Array = np.max([abs(gauge.rows(m)).max(1) for m in moves], 0)
    return found
