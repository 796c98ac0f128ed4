"""Unknown elements as columns of a linear system: Jacobian rows paired with a family's moves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Move
from symgauge.program.legs import Location


def common_copies(places: Sequence[Location], leg: int) -> list[int]:
    """Legs that number copies of a leg: factors beside it at every place, in order."""
    shared: list[int] | None = None
    for place in places:
        beside = [f for i, f in enumerate(place.factors) if i != place.along]
        shared = beside if shared is None else [f for f in shared if f in beside]
    found = [f for f in shared or [] if f != leg]
    return list(dict.fromkeys(found))


def columns_of(
    coordinates: Coordinates, move: Move, rows: Any, theta: Any, field: Any
) -> Any:
    """The pairing of Jacobian rows with a unit move at each (copy, index): (rows, copies*size)."""
    if move.form == "+Tc":
        source = coordinates.read(move)
        target = coordinates.whole(move.parameter, move.part).reshape(-1)
        c, n, r, _ = source.shape
        total = np.zeros((len(rows), c * n))
        left = rows[:, target][:, :, None]
        for k in range(r):
            right = theta[:, source[:, :, k]].reshape(len(rows), c * n, -1)
            total = field.add(total, field.matmul(right, left)[:, :, 0])
        out = total
    else:
        index = coordinates.moved(move)
        c, n = index.shape[:2]
        flat = index.reshape(c * n, -1)
        picked = rows[:, flat]
        if move.form in ("s^k", "+T*c"):
            other = index if move.source is None else coordinates.read(move)
            right = theta[:, other.reshape(c * n, -1)]
            out = field.matmul(picked[:, :, None, :], right[:, :, :, None])[:, :, 0, 0]
        else:
            out = field.sum(picked, (2,))
    if move.weight != 1:
        out = field.mul(out, np.float64(field.residue(move.weight)))
    return out


def matrix_columns(
    coordinates: Coordinates, moves: Sequence[Move], rows: Any, theta: Any, field: Any
) -> Any:
    """The pairing with E_ij acting through all moves at once: (rows, copies*size*size)."""
    total: Any = None
    for move in moves:
        index = coordinates.moved(move)
        c, n = index.shape[:2]
        flat = index.reshape(c, n, -1)
        left, right = rows[:, flat], theta[:, flat]
        if move.form == "g":
            part = field.matmul(left, np.swapaxes(right, -1, -2))
        else:
            part = field.neg(field.matmul(right, np.swapaxes(left, -1, -2)))
        part = part.reshape(len(rows), c * n * n)
        total = part if total is None else field.add(total, part)
    return total
