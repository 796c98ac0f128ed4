"""A lower bound of the rank of the Jacobian from a block triangular minor, at a special point.

The rank at any point is at most the generic one, so the point may be chosen. On a residual stream
x_j = x_{j-1} + b_j all summands but the first ones are made to write windows of a few coordinates,
that of the next one starting no earlier (see `windows`). A row whose cotangent at the last line
of the stream is 0 but in coordinate k sees nothing of what summands read whose window starts
later, and of what writes the stream a few entries. So with the rows of coordinate 1, 2, ... and
columns by the first coordinate that sees them

    J = (D_1 0 0; * D_2 0; * * D_3),    rank J >= rank D_1 + rank D_2 + rank D_3.

Of the parameters behind the stream the rows of all coordinates see a part: D_k has as further
columns J w for vectors w of these with row . w = 0 for all rows before, which are 0 there and so
leave the triangle. What a row sees is read off the rows themselves, exactly: the bound holds
whatever was assumed. What stands below the blocks is not computed: the rows of a coordinate are
pulled back no further than the summands that no coordinate before has seen.
n x n elimination becomes d times (n/d) x (n/d), for d coordinates: 1/d^2 of the work.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from symgauge.exact.blocks import NumpyBlocks
from symgauge.exact.prime_field import PrimeField
from symgauge.exact.running_rank import RunningRank
from symgauge.points.draw import Draw
from symgauge.points.rank import draw_theta, field_of_rank
from symgauge.points.stream import stream_of
from symgauge.points.stream_rows import FIRST_ROWS, StreamRows
from symgauge.points.windows import special_point
from symgauge.program.array import Array
from symgauge.program.lower import is_piecewise, lower

Mask = npt.NDArray[np.bool_]
#: Rows, about so many, at most; 0 may stand in columns that are not in the mask.
Batch = Callable[[int, Mask], Array]
#: Coordinates from which one elimination takes longer than those of the parts, and their points.
MANY = 3000
#: Spare rows, as a multiple of those that one input gives, after which a rank is taken as found.
SPARE_INPUTS = 8


def rank_by_parts(draw: Draw, read: Mask, wanted: int) -> int | None:
    """A lower bound of the rank, at a point of its own; None where `wanted` is not reached.

    Not below MANY coordinates; not for programs with branches, with flows, or without a residual
    stream.
    """
    network = lower(draw.network)
    if int(read.sum()) < MANY or network.has_flows or is_piecewise(network):
        return None
    stream = stream_of(network)
    if stream is None:
        return None
    field = field_of_rank(draw.network, draw.field, int(read.sum()))
    theta, salt = draw_theta(draw.network, field, draw.rng)
    draw = replace(draw, field=field, theta=theta, salt=salt)
    special = special_point(stream, draw)
    if special is None:
        return None
    rows = StreamRows(network, stream.last, replace(draw, theta=special))
    behind = np.concatenate(
        [np.full(p.size, p.name in stream.behind) for p in network.parameters])
    triangle = Triangle(read, behind, field, draw.rng)
    for k in range(stream.width):
        rows.begin(k)
        triangle.add(rows.batch, SPARE_INPUTS * rows.each)
        if triangle.rank + triangle.left < wanted:
            return None
    return triangle.rank if triangle.rank >= wanted else None


class Triangle:
    """The rank of a block triangular matrix, from the rows of one block after another.

    read: the columns that count. shared: those of which every block sees a part.
    """

    def __init__(
        self, read: Mask, shared: Mask, field: PrimeField, rng: np.random.Generator
    ) -> None:
        self.rank = 0
        self._seen, self._shared, self._field, self._rng = ~read, shared & read, field, rng
        #: All rows so far, in the shared columns; vectors of these that all rows annul.
        self._behind = RunningRank(int(self._shared.sum()), field.p)
        self._annulled = np.zeros((int(self._shared.sum()), 0))

    @property
    def left(self) -> int:
        """How much more the rank can be."""
        return int((~self._seen).sum()) + self._annulled.shape[1]

    def add(self, batch: Batch, patience: int) -> None:
        """Take rows of the next block until so many were spare: its columns are those seen first.

        They are read off the first FIRST_ROWS rows; one that sees more is left out.
        """
        needed = ~self._seen | self._shared
        first: list[Array] = []
        while sum(map(len, first)) < FIRST_ROWS:
            first.append(batch(FIRST_ROWS, needed))
        new = np.any([(r != 0.0).any(axis=0) for r in first], axis=0) & ~self._seen
        unseen, at = ~(new | self._seen), np.flatnonzero(new)
        blocks = NumpyBlocks(self._field.p)
        kept = blocks.load(self._annulled)
        columns = len(at) + kept.shape[1]
        running = RunningRank(columns, self._field.p)
        most = out = 2 * len(at) + FIRST_ROWS
        drawn = np.concatenate(first)
        while True:
            rows = drawn[~(drawn[:, unseen] != 0.0).any(axis=1)]
            behind = rows[:, self._shared]
            self._behind.add(behind)
            running.add(np.concatenate(
                [rows[:, at], blocks.minus_product(None, blocks.load(behind), kept)], axis=1))
            most, out = most - len(rows), out - len(drawn) + len(rows)
            if running.full or running.idle > patience or min(most, out) < 0:
                break
            # not all of the rank that may be left is there
            drawn = batch(max(2 * patience, (columns - running.rank) // 2), needed)
        self.rank += running.rank
        self._seen = self._seen | new
        self._annulled = self._behind.orthogonal(
            self._rng, len(self._annulled) - self._behind.rank)
