"""The rank over GF(p)((s)) of rows of power series that arrive in batches.

Rows are truncated: the coefficients of s^0, ..., s^(n-1). Those whose constant terms are
independent are brought to [1 U], U of power series, and clear their pivot columns in all others,
which then vanish at s = 0: with one coefficient less they are s times rows of the other columns,
and go one level down. The rows of level j are as many as there are invariant factors s^j (Smith's
form over GF(p)[[s]]), and all of them together have a triangular minor that is not 0.

What is held is U of each level, r (columns - r) series at rank r, four bytes for a coefficient; and
one batch of rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from symgauge.exact.blocks import Array, Indices, NumpyBlocks
from symgauge.exact.elimination import Echelon, echelon

#: Rows are taken so many at a time at least, or a share of the columns if that is more: each time a
#: level grows, what is held of it is passed over.
BATCH, SHARE = 64, 32
#: Coefficients of a matrix of series; what is held of one.
Series = Sequence[Array]
Held = Sequence[npt.NDArray[np.int32]]


class SeriesRank:
    """Lower bounds on the rank of the rows added so far, by the order that each of them needs.

    >>> s, one = np.array([[0.0]]), np.array([[1.0]])
    >>> running = SeriesRank(1, 2, 7)
    >>> running.add(np.stack([s, one]))
    >>> running.ranks, running.seen
    ([0, 1], 1)
    """

    def __init__(self, columns: int, order: int, p: int) -> None:
        self._blocks = NumpyBlocks(p)
        self._top = _Level(columns, order, self._blocks)
        self._pending: list[Array] = []
        self._waiting = 0
        self.batch = max(BATCH, columns // SHARE)
        #: How many rows were added.
        self.seen = 0

    def add(self, rows: Array) -> None:
        """Take rows of residues, shape (order, any, columns)."""
        self.seen += rows.shape[1]
        self._pending.append(rows)
        self._waiting += rows.shape[1]
        if self._waiting >= self.batch:
            self._flush()

    def _flush(self) -> None:
        pending, self._pending, self._waiting = self._pending, [], 0
        if pending:
            rows = np.concatenate(pending, axis=1) if len(pending) > 1 else pending[0]
            order, number, columns = rows.shape
            balanced = self._blocks.load(rows.reshape(order * number, columns))
            self._top.add(balanced.reshape(rows.shape))

    @property
    def ranks(self) -> list[int]:
        """Entry j counts the invariant factors s^d with d <= j; rows that wait are taken now."""
        self._flush()
        found: list[int] = np.cumsum(self._top.ranks()).tolist()
        return found


class _Level:
    """Rows [1 U] at `pivots` and `free`, and the rows below: s times theirs, along `free`."""

    def __init__(self, columns: int, order: int, blocks: NumpyBlocks) -> None:
        self._order, self._blocks = order, blocks
        self._pivots = np.zeros(0, dtype=np.int64)
        self._free = np.arange(columns, dtype=np.int64)
        self._held: Held = [np.zeros((0, columns), dtype=np.int32)] * order
        self._below: _Level | None = None

    def ranks(self) -> list[int]:
        """The number of rows of this level and of each below."""
        below = [0] * (self._order - 1) if self._below is None else self._below.ranks()
        return [len(self._pivots), *below]

    def add(self, rows: Array) -> None:
        """Take balanced residues, shape (order, any, columns)."""
        blocks = self._blocks
        rest = _cleared(
            _columns(rows, self._free), _columns(rows, self._pivots), self._held, blocks)
        new = echelon(rest[0], blocks)
        if new.rank:
            taken, left = rest[:, new.rows], np.delete(rest, new.rows, axis=1)
            series = self._normalised(taken, new)
            rest = _cleared(
                _columns(left, new.free), _columns(left, new.pivots), series, blocks)
            self._take(new, series)
        if self._order > 1 and rest.shape[1] and len(self._free):
            self._down(rest[1:])

    def _down(self, rows: Array) -> None:
        if self._below is None:
            self._below = _Level(len(self._free), self._order - 1, self._blocks)
        self._below.add(rows)

    def _normalised(self, rows: Array, new: Echelon) -> list[Array]:
        """A^-1 B for rows [A B] at the pivots and the free columns, A invertible at s = 0."""
        blocks, count = self._blocks, new.rank
        a, b = _columns(rows, new.pivots), _columns(rows, new.free)
        form = echelon(blocks.join([a[0], np.eye(count)], 1), blocks)
        inverse = np.empty((count, count))
        inverse[form.pivots] = form.block
        out: list[Array] = []
        for k in range(self._order):
            # a_0 u_k = b_k - sum a_j u_(k-j)
            part = b[k]
            for j in range(1, k + 1):
                part = blocks.minus_product(part, a[j], out[k - j])
            out.append(blocks.minus_product(None, -inverse, part))
        return out

    def _take(self, new: Echelon, series: Series) -> None:
        """More rows of this level: they clear their columns in those that are held."""
        blocks, below = self._blocks, self._below
        firsts = [part[:, new.pivots].astype(np.float64) for part in self._held]
        grown = []
        for k, part in enumerate(self._held):
            above = part[:, new.free].astype(np.float64)
            for j in range(k + 1):
                above = blocks.minus_product(above, firsts[k - j], series[j])
            grown.append(np.concatenate([above, series[k]]).astype(np.int32))
        self._held = grown
        self._pivots = np.concatenate([self._pivots, self._free[new.pivots]])
        self._free = self._free[new.free]
        self._below = None
        if below is not None and len(self._free):
            for rows in below.rows():
                self._down(_cleared(
                    _columns(rows, new.free), _columns(rows, new.pivots), series, blocks))

    def rows(self) -> Iterator[Array]:
        """What is held here and below, some rows at a time."""
        columns = len(self._pivots) + len(self._free)
        step = max(BATCH, columns // SHARE)
        for start in range(0, len(self._pivots), step):
            at = slice(start, start + step)
            own = self._pivots[at]
            rows = np.zeros((self._order, len(own), columns))
            rows[0, np.arange(len(own)), own] = 1.0
            for k, part in enumerate(self._held):
                rows[k][:, self._free] = part[at]
            yield rows
        for below in () if self._below is None else self._below.rows():
            rows = np.zeros((self._order, below.shape[1], columns))
            rows[1:, :, self._free] = below
            yield rows


def _columns(rows: Array, at: Indices) -> Array:
    return np.take(rows, at, axis=2)


def _cleared(rest: Array, factors: Array, held: Series | Held, blocks: NumpyBlocks) -> Array:
    """rest - factors held, of series, reduced; `rest` is overwritten."""
    if not factors.shape[2] or not rest.size:
        return rest
    for j in range(len(rest)):
        part = rest[j:]
        some = factors[:len(part)].reshape(-1, factors.shape[2])
        part[:] = blocks.minus_product(
            part.reshape(-1, part.shape[2]), some, held[j].astype(np.float64, copy=False),
        ).reshape(part.shape)
    return rest


def series_ranks(coefficients: Array, p: int) -> list[int]:
    """`SeriesRank.ranks` of rows of residues, shape (order, rows, columns).

    >>> s, one = np.array([[0.0]]), np.array([[1.0]])
    >>> series_ranks(np.stack([s, one]), 7), series_ranks(np.stack([s, s]), 7)
    ([0, 1], [0, 0])
    """
    order, count, columns = coefficients.shape
    running = SeriesRank(columns, order, p)
    for start in range(0, count, running.batch):
        running.add(coefficients[:, start:start + running.batch])
    return running.ranks


def series_rank(coefficients: Array, p: int) -> int:
    """The last of `series_ranks`: invariant factors that the coefficients decide.

    >>> s, one = np.array([[0.0]]), np.array([[1.0]])
    >>> series_rank(np.stack([s, one]), 7), series_rank(np.stack([s, s]), 7)
    (1, 0)
    """
    return series_ranks(coefficients, p)[-1]
