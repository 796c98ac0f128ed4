"""Rank, reduced row echelon form and nullspace over GF(p); rational reconstruction.

Nullspaces are returned as rows, shape (nullity, columns), each with one free coordinate equal
to 1 and the other free coordinates 0. Matrices are float64 arrays of residues.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from typing import Any

import flint
import numpy as np
import numpy.typing as npt

from symgauge.exact.prime_field import Array


def _to_flint(matrix: Array, p: int) -> Any:
    rows, columns = matrix.shape
    return flint.nmod_mat(rows, columns, matrix.astype(np.int64).ravel().tolist(), p)


def _from_flint(matrix: Any, rows: int) -> Array:
    columns = matrix.ncols()
    entries = [int(matrix[i, j]) for i in range(rows) for j in range(columns)]
    return np.array(entries, dtype=np.float64).reshape(rows, columns)


def rank(matrix: Array, p: int) -> int:
    """Rank over GF(p).

    >>> rank(np.array([[1.0, 2.0], [2.0, 4.0]]), 7)
    1
    """
    if 0 in matrix.shape:
        return 0
    return int(_to_flint(matrix, p).rank())


def series_rank(coefficients: Array, p: int) -> int:
    """A lower bound on the rank over GF(p)((s)), from the coefficients of s^0, ..., s^(n-1).

    The rank modulo s^k, as a matrix over GF(p), is the sum of max(0, k - d) over the invariant
    factors s^d (Smith's form over GF(p)[[s]]); so its last increase counts those with d < n,
    which the coefficients decide: as many rows and columns have a minor that is not 0.

    >>> s, one = np.array([[0.0]]), np.array([[1.0]])
    >>> series_rank(np.stack([s, one]), 7), series_rank(np.stack([s, s]), 7)
    (1, 0)
    """
    n, rows, columns = coefficients.shape

    def truncated(k: int) -> int:
        blocks = np.zeros((k, rows, k, columns))
        for i in range(k):
            for j in range(i + 1):
                blocks[i, :, j] = coefficients[i - j]
        return rank(blocks.reshape(k * rows, k * columns), p)

    return truncated(n) - (truncated(n - 1) if n > 1 else 0)


def row_reduce(matrix: Array, p: int) -> tuple[Array, list[int]]:
    """Reduced row echelon form without its zero rows, and the pivot columns."""
    if 0 in matrix.shape:
        return np.zeros((0, matrix.shape[1])), []
    reduced, r = _to_flint(matrix, p).rref()
    form = _from_flint(reduced, int(r))
    return form, [int(np.flatnonzero(row)[0]) for row in form]


def nullspace(matrix: Array, p: int) -> Array:
    """Basis of {v : matrix v = 0} as rows, shape (nullity, columns), free columns last.

    >>> nullspace(np.array([[1.0, 1.0]]), 7)
    array([[6., 1.]])
    """
    form, pivots = row_reduce(matrix, p)
    columns = matrix.shape[1]
    free = np.setdiff1d(np.arange(columns), pivots)
    basis = np.zeros((len(free), columns))
    basis[np.arange(len(free)), free] = 1.0
    if pivots:
        block = form[:, free].T
        basis[:, pivots] = np.where(block == 0.0, 0.0, p - block)
    return basis


def independent_rows(matrix: Array, p: int) -> list[int]:
    """Indices of the rows that raise the rank, taken greedily from the top.

    >>> independent_rows(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), 7)
    [0, 2]
    """
    return row_reduce(np.ascontiguousarray(matrix.T), p)[1]


def rational(residue: int, modulus: int, bound: int | None = None) -> Fraction | None:
    """The fraction n/d with |n|, d <= bound that is `residue`, or None.

    The default bound, sqrt(modulus/2), is the largest for which the fraction is unique; nearly
    every residue has one within it.

    Unique where it exists (von zur Gathen and Gerhard, Modern Computer Algebra, 5.10).

    >>> rational(pow(2, -1, 10007) * 3 % 10007, 10007)
    Fraction(3, 2)
    """
    bound = isqrt(modulus // 2) if bound is None else bound
    r0, r1, t0, t1 = modulus, residue % modulus, 0, 1
    while r1 > bound:
        q = r0 // r1
        r0, r1, t0, t1 = r1, r0 - q * r1, t1, t0 - q * t1
    if t1 == 0 or abs(t1) > bound:
        return None
    if t1 < 0:
        r1, t1 = -r1, -t1
    value = Fraction(r1, t1)
    return value if value.denominator == t1 else None


def rational_array(residues: Array, p: int) -> npt.NDArray[np.object_] | None:
    """Entrywise `rational`, or None where an entry has no small fraction."""
    table: dict[int, Fraction] = {}
    for residue in np.unique(residues).astype(np.int64).tolist():
        value = rational(residue, p)
        if value is None:
            return None
        table[residue] = value
    out = np.empty(residues.shape, dtype=object)
    flat = residues.astype(np.int64).ravel().tolist()
    out.reshape(-1)[:] = [table[r] for r in flat]
    return out


def rational_from_primes(
    images: Sequence[Array], primes: Sequence[int]
) -> npt.NDArray[np.object_] | None:
    """Entrywise rational reconstruction from residues modulo several primes (Chinese remainders).

    None where an entry has no fraction with numerator and denominator so small that a random
    residue would have one with probability 1/1000 only.
    """
    modulus, combined = 1, [0] * images[0].size
    for image, p in zip(images, primes, strict=True):
        inverse = pow(modulus, -1, p)
        flat = image.astype(np.int64).ravel().tolist()
        combined = [
            c + modulus * ((r - c) * inverse % p) for c, r in zip(combined, flat, strict=True)
        ]
        modulus *= p
    table: dict[int, Fraction] = {}
    for residue in set(combined):
        value = rational(residue, modulus, isqrt(modulus >> 11))
        if value is None:
            return None
        table[residue] = value
    out = np.empty(images[0].shape, dtype=object)
    out.reshape(-1)[:] = [table[c] for c in combined]
    return out


def rank_gf2(matrix: npt.NDArray[np.bool_]) -> int:
    """Rank over GF(2) of a 0/1 matrix."""
    rows = [int("".join("1" if bit else "0" for bit in row), 2) for row in matrix if row.any()]
    found = 0
    while rows:
        pivot = rows.pop()
        if not pivot:
            continue
        found += 1
        top = pivot.bit_length() - 1
        # cleared from every row, or a later pivot may bring the bit back and be counted twice
        rows = [row ^ pivot if row >> top & 1 else row for row in rows]
    return found
