"""The rank of rows over GF(p) that arrive in batches and are dropped once they are reduced.

What is held is the echelon form of the rows so far, r (columns - r) entries at rank r: at most a
quarter of columns^2, and little when the rank is nearly full; and one batch of rows.
"""

from __future__ import annotations

import numpy as np

from symgauge.exact.blocks import Array, Indices
from symgauge.exact.elimination import Echelon, extended
from symgauge.exact.linear_algebra import blocks_of

#: Rows are reduced this many at a time at least, or a share of the columns if that is more: each
#: time the whole form is passed over.
BATCH, SHARE = 64, 16


class RunningRank:
    """The rank of the rows added so far.

    >>> running = RunningRank(3, 7)
    >>> running.add(np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0]]))
    >>> running.rank, running.idle
    (1, 1)
    """

    def __init__(self, columns: int, p: int, backend: str = "numpy") -> None:
        self._blocks = blocks_of(backend, p)
        self._form = Echelon.empty(columns, self._blocks)
        self._pending: list[Array] = []
        self._waiting = 0
        self._batch = max(BATCH, columns // SHARE)

    def add(self, rows: Array) -> None:
        """Take rows of residues, shape (any, columns)."""
        self._pending.append(rows)
        self._waiting += len(rows)
        if self._waiting >= self._batch:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            rows = np.concatenate(self._pending) if len(self._pending) > 1 else self._pending[0]
            self._form = extended(self._form, self._blocks.load(rows), self._blocks)
        self._pending, self._waiting = [], 0

    @property
    def rank(self) -> int:
        """The rank; rows that wait for their batch are reduced now."""
        self._flush()
        return self._form.rank

    @property
    def pivots(self) -> Indices:
        """The pivot columns of the reduced row echelon form, ascending."""
        self._flush()
        return np.sort(self._form.pivots)

    def orthogonal(self, rng: np.random.Generator, count: int) -> Array:
        """Random vectors w with row . w = 0 for all rows so far, shape (columns, count)."""
        self._flush()
        form, blocks, p = self._form, self._blocks, self._blocks.p
        out = np.zeros((form.rank + len(form.free), count))
        drawn = rng.integers(0, p, size=(len(form.free), count)).astype(np.float64)
        out[form.free] = drawn
        out[form.pivots] = blocks.host(
            blocks.minus_product(None, form.block, blocks.load(drawn))) % p
        return out

    @property
    def full(self) -> bool:
        """Whether no row can raise the rank, as far as rows are reduced."""
        return not len(self._form.free)

    @property
    def idle(self) -> int:
        """Reduced rows since the last one that raised the rank."""
        rows = self._form.rows
        return self._form.seen - (int(rows[-1]) + 1 if len(rows) else 0)
