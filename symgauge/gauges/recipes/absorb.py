"""symgauge recipe absorb."""

from __future__ import annotations

import numpy as np

from symgauge.gauges.gauge import Gauge
from symgauge.gauges.recipe import Outcome, Recipe
from symgauge.weights.statement import Group

#: Above it the inverse of a block is mostly rounding.
CONDITION = 1e8


class Absorb(Recipe):
    """Square blocks to 1: the matrix on the other side of their index takes them in."""

    name = "absorb"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        found = Outcome()
        for group in gauge.symmetries.families:
            if group.kind is None or not group.kind.contains_scalars or (
                    group.kind.commutes_with_turns or group.via):
                continue
            _absorb(gauge, group, found)
        if not found.done and not found.left:
            found.left.append(
                "no family of the derived group changes the basis between two matrices")
        return found


def _absorb(gauge: Gauge, group: Group, found: Outcome) -> None:
    shapes = []
    for move in group.moves:
        rows = gauge.rows(move)
        if rows.shape[1] == 1:
            continue  # a bias
        shapes.append(f"{move.parameter} has {rows.shape[1]} x {group.size}")
        if rows.shape[1] != group.size:
            continue
        if np.linalg.cond(rows).max() > CONDITION:
            found.left.append(f"{move.parameter}: a block is singular, or nearly so")
            continue
        gauge.act(group, np.swapaxes(np.linalg.inv(rows), 1, 2) if move.form == "g" else rows)
        into = ", ".join(n for n in group.tensors if n != move.parameter)
        found.done.append(f"{move.parameter} to 1 in each block, into {into}")
        return
    found.left.append(
        f"no block along the index of {', '.join(group.tensors)} is square ({'; '.join(shapes)} "
        "in each copy): absorbing one gives tensors of other shapes, which no element of the "
        "group does")
