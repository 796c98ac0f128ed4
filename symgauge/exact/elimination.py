"""Echelon forms over GF(p) by recursion on rows: the work is in products of large blocks.

The row space of a matrix of rank r is the graph of a linear map: after permuting columns it is
spanned by [1 B], B of shape (r, free columns). The form of the upper half of the rows clears the
pivot columns of the lower half, whose own form then clears those of the first:

    (1 B_1), lower rows (X Y)  ->  Y - X B_1  ->  (1 B_2)  ->  B_1' - B_1'' B_2.

Every update is one product, and only columns without a pivot take part, so the cost is that of
Gaussian elimination, 2/3 n^3 for n x n, and nothing is held beyond r (n - r) entries of B.
A row's pivot is its first entry that is not 0 once the rows above are cleared: pivots are those
of the reduced row echelon form, and the rows that have one are the greedy ones from the top
(Jeannerod, Pernet, Storjohann, Rank-profile revealing Gaussian elimination, 2013).
Not for: sparse matrices, which fill up (see `sparse`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from symgauge.exact.blocks import AbstractBlocks, Array, Indices

#: Rows that are eliminated one by one.
LEAF = 32


@dataclass(frozen=True)
class Echelon:
    """The span of `seen` rows: row k is 1 at pivots[k], 0 at other pivots, block[k] at `free`.

    `rows` are those of the seen rows that raised the rank, in order, one for each pivot.
    """

    block: Any
    pivots: Indices
    free: Indices
    rows: Indices
    seen: int

    @property
    def rank(self) -> int:
        """The dimension of the span."""
        return len(self.pivots)

    @staticmethod
    def empty(columns: int, blocks: AbstractBlocks) -> Echelon:
        """The span of no rows."""
        none = np.zeros(0, dtype=np.int64)
        free = np.arange(columns, dtype=np.int64)
        return Echelon(blocks.empty(0, columns), none, free, none, 0)


def echelon(a: Any, blocks: AbstractBlocks) -> Echelon:
    """The echelon form of a block."""
    rows = a.shape[0]
    if not rows or not a.shape[1]:
        empty = Echelon.empty(a.shape[1], blocks)
        return Echelon(empty.block, empty.pivots, empty.free, empty.rows, rows)
    if rows <= LEAF:
        return _leaf(a, blocks)
    half = LEAF
    while 2 * half < rows:
        half *= 2
    return extended(echelon(a[:half], blocks), a[half:], blocks)


def extended(known: Echelon, a: Any, blocks: AbstractBlocks) -> Echelon:
    """The form of the span with more rows."""
    seen = known.seen + a.shape[0]
    if not len(known.free) or not a.shape[0]:
        return Echelon(known.block, known.pivots, known.free, known.rows, seen)
    rest = blocks.columns(a, known.free)
    if known.rank:
        rest = blocks.minus_product(rest, blocks.columns(a, known.pivots), known.block)
    new = echelon(rest, blocks)
    del rest
    if not new.rank:
        return Echelon(known.block, known.pivots, known.free, known.rows, seen)
    above = blocks.columns(known.block, new.free)
    if known.rank and len(new.free):
        above = blocks.minus_product(above, blocks.columns(known.block, new.pivots), new.block)
    return Echelon(
        blocks.join([above, new.block]),
        np.concatenate([known.pivots, known.free[new.pivots]]), known.free[new.free],
        np.concatenate([known.rows, known.seen + new.rows]), seen,
    )


def _leaf(a: Any, blocks: AbstractBlocks) -> Echelon:
    """A few rows: windows of their first columns are eliminated here, the rest follows at once."""
    count, columns = a.shape
    at: dict[int, int] = {}  # row -> its pivot column
    start = 0
    while len(at) < count and start < columns:
        left = np.array([i for i in range(count) if i not in at], dtype=np.int64)
        nonzero = blocks.nonzero_columns(blocks.rows(a[:, start:], left))
        if not len(nonzero):
            break
        start += int(nonzero[0])
        stop = min(start + count, columns)
        turned, found = _window(blocks.host(a[:, start:stop]), left, blocks.p)
        moved = blocks.minus_product(None, blocks.load(-turned), a[:, start:])
        # columns before the window are those of rows that have a pivot there: they stay
        a = moved if not start else blocks.join([a[:, :start], moved], 1)
        at.update((row, start + column) for row, column in found)
        start = stop
    rows = np.array(sorted(at), dtype=np.int64)
    pivots = np.array([at[i] for i in rows.tolist()], dtype=np.int64)
    free = np.setdiff1d(np.arange(columns, dtype=np.int64), pivots)
    block = blocks.columns(blocks.rows(a, rows), free)
    return Echelon(block, pivots, free, rows, count)


def _window(window: Array, left: Indices, p: int) -> tuple[Array, list[tuple[int, int]]]:
    """T with T window reduced, and the (row, column) of the pivots, for rows without one so far.

    A row is cleared by rows above it alone until it has a pivot; then by all.
    """
    count, columns = window.shape
    a = np.concatenate([window, np.eye(count)], axis=1)
    found: list[tuple[int, int]] = []
    for i in left.tolist():
        nonzero = a[i, :columns].nonzero()[0]
        if not len(nonzero):
            continue
        c = int(nonzero[0])
        row = a[i] * float(pow(int(a[i, c]), -1, p))
        row -= p * np.rint(row * (1.0 / p))
        factors = a[:, c].copy()
        factors[i] = 0.0
        a[i] = row
        a -= factors[:, None] * row
        quotient = np.multiply(a, 1.0 / p)
        np.rint(quotient, out=quotient)
        quotient *= p
        a -= quotient
        found.append((i, c))
    return a[:, columns:], found
