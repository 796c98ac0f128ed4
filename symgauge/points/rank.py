"""The rank of the Jacobian at one exact random point."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from symgauge.exact.prime_field import PrimeField, prime_of_one_product
from symgauge.exact.running_rank import RunningRank
from symgauge.points.draw import Draw
from symgauge.points.inputs import has_tokens
from symgauge.points.roots import root_plan
from symgauge.points.rows import RANK_ORDER, SPARE, batches, jacobian_rows
from symgauge.points.tokens import few_tokens, ids_decide
from symgauge.program.array import Array
from symgauge.program.lower import germ_of
from symgauge.program.network import Network

#: Coordinates from which rows are made modulo a smaller prime, so that elimination takes half.
LARGE = 1500
#: Batches of rows without a new one after which the rank at a point is taken as found.
IDLE_BATCHES = 3


def _add_rows(
    running: RunningRank, patience: int | None, read: npt.NDArray[np.bool_], draw: Draw, count: int
) -> None:
    """Reduce `count` rows as they are made; fewer once `patience` in a row were spare."""
    left = count
    for drawn in batches(draw, count, 1):
        rows = drawn.coefficients[0, :left]
        running.add(rows if read.all() else rows[:, read])
        left -= len(rows)
        if running.full or patience is not None and running.idle >= patience:
            break


def draw_theta(
    network: Network, field: PrimeField, rng: np.random.Generator
) -> tuple[dict[str, Array], int]:
    """One exact random theta, at which some input has a root for every root, and its salt."""
    salt = int(rng.integers(1 << 62))
    if not germ_of(network).root_lines:
        return {p.name: field.random(rng, (1, *p.shape)) for p in network.parameters}, salt
    rows = jacobian_rows(Draw(network, field, rng, salt=salt), 1)
    return {n: v[:1] for n, v in rows.parameters.items()}, salt


def field_of_rank(network: Network, field: PrimeField, columns: int) -> PrimeField:
    """The field, or from LARGE columns on the one in which elimination takes one product.

    What is assumed of missing roots is tested modulo the given prime, at which they may be there:
    not where roots are missing modulo the smaller one alone.
    """
    if network.has_flows or columns + SPARE <= LARGE:
        return field
    small = PrimeField(prime_of_one_product())
    missing = any(
        root_plan(network, small, free).twisted and not root_plan(network, field, free).twisted
        for free in (True, False))
    return field if missing else small


def rank_at_point(
    draw: Draw, read: npt.NDArray[np.bool_], wanted: int | None = None, order: int = RANK_ORDER
) -> int:
    """Rank of the Jacobian at one exact theta, random if none is given: at most the generic rank.

    With branches it is the rank of the cell, and rows are added until it has stopped growing (near
    the boundary of a cell it grows slowly), also where the same few token inputs come again and
    again. A `wanted` rank is waited for longer. With flows it is the rank over power series, by
    minors modulo s^order.
    """
    network, cell = draw.network, draw.cell
    count = int(read.sum()) + SPARE
    if draw.theta is None:
        draw = replace(draw, field=field_of_rank(network, draw.field, int(read.sum())))
        theta, salt = draw_theta(network, draw.field, draw.rng)
        draw = replace(draw, theta=theta, salt=salt)
    # what ids decide is decided by few of them: every drawn sequence counts, and again
    given = max((len(v) for v in draw.tokens.values()), default=0)
    rare = few_tokens(network, max(count, given)) or ids_decide(network)
    if rare:
        count = max(count, given)
    if network.has_flows:
        return _series_rank(draw, read, wanted, order)
    # a row that could be new is new but for bad luck, unless tokens or branches make it a rare one
    patience = None if cell or has_tokens(network) else SPARE
    running = RunningRank(int(read.sum()), draw.field.p)
    _add_rows(running, patience, read, draw, count)
    found, idle = running.rank, 0
    while (cell or rare) and not running.full and idle < _patience(
            found, wanted):
        _add_rows(running, None, read, draw, max(32, count // 2))
        idle = idle + 1 if running.rank == found else 0
        found = running.rank
    return found


def _patience(found: int, wanted: int | None) -> int:
    """Batches without a new row after which the rank is taken as found."""
    return IDLE_BATCHES if wanted is None else 1 if found >= wanted else 8 * IDLE_BATCHES


def _series_rank(
    draw: Draw, read: npt.NDArray[np.bool_], wanted: int | None, order: int
) -> int:
    """`rank_at_point` with flows, over power series."""
    count, p = int(read.sum()) + SPARE, draw.field.p
    rows = jacobian_rows(draw, count, order).read(read)
    found, idle = rows.rank(p), 0
    while draw.cell and found < rows.rows.shape[1] and idle < _patience(found, wanted):
        more = jacobian_rows(draw, max(32, count // 2), order)
        rows = rows.and_more(more.read(read))
        grown = rows.rank(p)
        idle = idle + 1 if grown == found else 0
        found = grown
    return found
