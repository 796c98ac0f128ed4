"""Blocks of a matrix over GF(p): what elimination needs, and how numpy does it.

Entries are balanced residues, |a| <= p/2 + 3, as exact integers in float64, so that 0 stands for
0 alone. A product X F is one float64 matrix product and one reduction at its end (delayed
reduction: Dumas, Giorgi, Pernet, Dense linear algebra over word-size prime fields, 2008). Where
p is too large for that, X is split into 13-bit halves, X = H 2^13 + L, and

    X F = [H L] [2^13 F mod p; F],

whose sums stay below 2^53: each term is below 2 (2^12 + 1) (2^25 + 3).
Not for: p above 2^26.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.exact.threads import for_each, products_in_one_thread, workers

Array = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]

#: Half of the bits of a residue: X = H HALF + L with |H|, |L| <= HALF / 2 + 1.
HALF = float(1 << 13)
#: Bound on a sum of products, a little below 2^53: then every partial sum is an exact integer.
EXACT = float((1 << 53) - (1 << 40))


class AbstractBlocks(ABC):
    """Matrices over GF(p) on one device; a block is indexed as a numpy array is.

    `inner` is the longest sum that is reduced once, `split` whether a factor is cut in halves.
    """

    def __init__(self, p: int) -> None:
        if not 2 <= p < 1 << 26:
            raise ValueError(f"p = {p}: products of residues are exact for 2 <= p < 2**26 alone")
        self.p = p
        largest = p / 2 + 3
        plain = int(EXACT / largest**2)
        # below this many terms the split is the cheaper one: two products, but few reductions
        self.split = plain < 1 << 10
        term = 2 * (HALF / 2 + 1) * largest if self.split else largest**2
        self.inner = min(int((EXACT - largest) / term), 1 << 20)

    @abstractmethod
    def load(self, matrix: Array) -> Any:
        """A block from exact integers below 2^52."""

    @abstractmethod
    def host(self, block: Any) -> Array:
        """The balanced residues as a numpy array."""

    @abstractmethod
    def columns(self, block: Any, at: Indices) -> Any:
        """These columns; a view where they are consecutive."""

    @abstractmethod
    def rows(self, block: Any, at: Indices) -> Any:
        """These rows."""

    @abstractmethod
    def join(self, blocks: Sequence[Any], axis: int = 0) -> Any:
        """Blocks one above the other, or side by side along axis 1."""

    @abstractmethod
    def empty(self, rows: int, columns: int) -> Any:
        """A block of zeros."""

    @abstractmethod
    def nonzero_columns(self, block: Any) -> Indices:
        """The columns with an entry that is not 0."""

    @abstractmethod
    def _minus_product(self, c: Any, x: Any, f: Any) -> Any:
        """c - x f, reduced, for at most `inner` terms."""

    def minus_product(self, c: Any, x: Any, f: Any) -> Any:
        """c - x f; c = None stands for 0."""
        for k in range(0, x.shape[1], self.inner):
            c = self._minus_product(c, x[:, k:k + self.inner], f[k:k + self.inner])
        return self.empty(x.shape[0], f.shape[1]) if c is None else c


def consecutive(at: Indices) -> slice | None:
    """The slice that these indices are, or None."""
    if not len(at):
        return slice(0, 0)
    first, last = int(at[0]), int(at[-1])
    if last - first == len(at) - 1 and bool((np.diff(at) == 1).all()):
        return slice(first, last + 1)
    return None


#: Entries that are reduced at once: they and the quotients stay in a core's cache.
_CHUNK = 1 << 15
#: Rows and columns multiplied at once: enough rows to make up for reading the right factor.
_TILE_ROWS, _TILE_COLUMNS = 512, 2048
#: Entries from which entrywise work is shared among threads, and products of entries.
_SHARED, _LARGE = 1 << 18, 1 << 23


def _by_chunks(rows: int, columns: int, work: Callable[[slice], None]) -> None:
    """work(rows of a chunk) for all chunks."""
    step = max(1, _CHUNK // max(columns, 1))
    chunks = [slice(i, min(i + step, rows)) for i in range(0, rows, step)]
    if rows * columns < _SHARED:
        for chunk in chunks:
            work(chunk)
        return

    def several(group: Sequence[slice]) -> None:
        for chunk in group:
            work(chunk)

    # a few chunks at a time, so that handing them out costs little
    for_each([chunks[i:i + 4] for i in range(0, len(chunks), 4)], several)


class NumpyBlocks(AbstractBlocks):
    """Blocks as numpy arrays: the processor's own matrix product, reductions in its cache."""

    def load(self, matrix: Array) -> Array:
        out = np.empty(matrix.shape)
        _by_chunks(matrix.shape[0], matrix.shape[1], lambda at: self._reduce(matrix[at], out[at]))
        return out

    def host(self, block: Array) -> Array:
        return block

    def columns(self, block: Array, at: Indices) -> Array:
        part = consecutive(at)
        return block[:, part] if part is not None else np.take(block, at, axis=1)

    def rows(self, block: Array, at: Indices) -> Array:
        part = consecutive(at)
        return block[part] if part is not None else block[at]

    def join(self, blocks: Sequence[Array], axis: int = 0) -> Array:
        return np.concatenate(blocks, axis=axis)

    def empty(self, rows: int, columns: int) -> Array:
        return np.zeros((rows, columns))

    def nonzero_columns(self, block: Array) -> Indices:
        return np.flatnonzero(block.any(axis=0))

    def _left(self, x: Array) -> Array:
        """[H L] of the split."""
        if not self.split:
            return x
        rows, k = x.shape
        out = np.empty((rows, 2 * k))

        def work(at: slice) -> None:
            high, low = out[at, :k], out[at, k:]
            np.multiply(x[at], 1.0 / HALF, out=high)
            np.rint(high, out=high)
            np.multiply(high, -HALF, out=low)
            np.add(low, x[at], out=low)

        _by_chunks(rows, k, work)
        return out

    def _right(self, f: Array) -> Array:
        """[2^13 F; F] of the split."""
        if not self.split:
            return f
        k, columns = f.shape
        out = np.empty((2 * k, columns))
        step = max(1, _CHUNK // columns)
        for i in range(0, k, step):
            part, high = f[i:i + step], out[i:min(i + step, k)]
            np.multiply(part, HALF, out=high)
            self._reduce(high, high)
            out[k + i:k + i + step] = part
        return out

    def _reduce(self, x: Array, out: Array) -> None:
        """The balanced residues of a chunk."""
        q = x * (1.0 / self.p)
        np.rint(q, out=q)
        np.multiply(q, float(self.p), out=q)
        np.subtract(x, q, out=out)

    def _minus_product(self, c: Array | None, x: Array, f: Array) -> Array:
        rows, columns = x.shape[0], f.shape[1]
        out = np.empty((rows, columns))
        left = self._left(x)

        def part(at: tuple[slice, slice]) -> None:
            right = self._right(f[:, at[1]])
            for i in range(at[0].start, at[0].stop, _TILE_ROWS):
                tile = slice(i, min(i + _TILE_ROWS, at[0].stop))
                made = left[tile] @ right
                start, end = None if c is None else c[tile, at[1]], out[tile, at[1]]
                step = max(1, _CHUNK // made.shape[1])
                for k in range(0, len(made), step):
                    chunk = made[k:k + step]
                    if start is None:
                        np.negative(chunk, out=chunk)
                    else:
                        np.subtract(start[k:k + step], chunk, out=chunk)
                    self._reduce(chunk, end[k:k + step])

        with products_in_one_thread():
            for_each(_parts(rows, x.shape[1], columns), part)
        return out


def _parts(rows: int, inner: int, columns: int) -> list[tuple[slice, slice]]:
    """A few parts of a product for each thread: by columns, and by rows where these are few."""
    wanted = 3 * workers() if rows * inner * columns >= _LARGE else 1
    width = min(_TILE_COLUMNS, max(128, -(-columns // wanted)))
    across = max(1, -(-columns // width))
    height = max(_TILE_ROWS, -(-rows * across // wanted)) if across < wanted else max(1, rows)
    return [
        (slice(i, min(i + height, rows)), slice(j, min(j + width, columns)))
        for j in range(0, columns, width) for i in range(0, rows, height)
    ]
