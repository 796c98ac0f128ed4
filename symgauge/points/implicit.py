"""Null directions of the Jacobian without a generator: which tensors they move."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from symgauge.exact.linear_algebra import rank
from symgauge.lie.fields import VectorField
from symgauge.points.draw import Draw
from symgauge.points.rank import draw_theta
from symgauge.points.rows import RANK_ORDER, SPARE, Rows, jacobian_rows

#: Batches of rows that are added to reach the rank that was found.
MORE_ROWS = 8


def implicit_tensors(
    draw: Draw, fields: Sequence[VectorField], read: npt.NDArray[np.bool_], wanted: int
) -> list[str]:
    """Tensors that null directions without a generator move, where J has the rank `wanted`.

    Along them the kernel of J at a point exceeds the generators' values there.
    """
    network, prime_field = draw.network, draw.field
    p, total = prime_field.p, int(read.sum())
    theta, salt = draw_theta(network, prime_field, draw.rng)
    draw = replace(draw, theta=theta, salt=salt)

    def drawn() -> Rows:
        return jacobian_rows(draw, total + SPARE, RANK_ORDER).read(read)

    rows = drawn()
    whole = rows.rank(p)
    for _ in range(MORE_ROWS):
        # rows that branches or tokens make rare are still missing: the kernel is too large
        if whole >= wanted:
            break
        rows = rows.and_more(drawn())
        whole = rows.rank(p)
    point = np.concatenate([theta[q.name].reshape(-1) for q in network.parameters])
    values = np.array([f.at(point, prime_field)[read] for f in fields]).reshape(
        len(fields), total)
    names, start = [], 0
    for q in network.parameters:
        offset = network.offsets[q.name]
        width = int(read[offset:offset + q.size].sum())
        part = slice(start, start + width)
        others = np.ones(total, dtype=bool)
        others[part] = False
        # the kernel's projection: its dimension less that of the kernel within the others
        within = total - width - rows.read(others).rank(p)
        if total - whole - within > rank(values[:, part], p):
            names.append(q.name)
        start += width
    return names
