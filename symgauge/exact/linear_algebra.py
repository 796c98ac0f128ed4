"""Rank, reduced row echelon form and nullspace over GF(p); rational reconstruction.

Nullspaces are returned as rows, shape (nullity, columns), each with one free coordinate equal
to 1 and the other free coordinates 0. Matrices are float64 arrays of residues.

Small matrices go to python-flint, the others to `elimination`: there conversion into flint alone
costs more than the rank. A `backend` may be named: "flint", "numpy", "torch" or "torch:DEVICE".
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import isqrt
from typing import Any

import flint
import numpy as np
import numpy.typing as npt

from symgauge.exact.blocks import AbstractBlocks, NumpyBlocks
from symgauge.exact.elimination import Echelon, echelon
from symgauge.exact.prime_field import Array

#: flint's time goes with the entries, which are converted one by one, and elimination's with the
#: shorter side: entries up to ALWAYS + EACH * side are flint's (measured, conversion included).
_ALWAYS, _EACH = 1700, 175


def _to_flint(matrix: Array, p: int) -> Any:
    rows, columns = matrix.shape
    # flint reads integers faster than residues; then it reduces all at once
    entries = flint.fmpz_mat(rows, columns, matrix.astype(np.int64).ravel().tolist())
    return flint.nmod_mat(entries, p)


def _from_flint(matrix: Any, rows: int) -> Array:
    columns = matrix.ncols()
    entries = [int(x) for x in matrix.entries()[:rows * columns]]
    return np.array(entries, dtype=np.float64).reshape(rows, columns)


def blocks_of(backend: str, p: int) -> AbstractBlocks:
    """The block arithmetic of a back end: "numpy", "torch" or "torch:DEVICE".

    Raises ValueError on another name, ModuleNotFoundError where torch is not installed.
    """
    kind, _, device = backend.partition(":")
    if kind == "torch":
        from symgauge.exact.torch_blocks import TorchBlocks

        return TorchBlocks(p, device or "cpu")
    if backend != "numpy":
        raise ValueError(f"{backend!r} is no back end: flint, numpy, torch or torch:DEVICE")
    return NumpyBlocks(p)


def _choose(matrix: Array, backend: str | None, back: bool = True) -> str:
    """The back end for this size; `back`: flint's result is converted back, three times as slow."""
    entries = 3.5 * matrix.size if back else matrix.size
    return backend or ("flint" if entries <= _ALWAYS + _EACH * min(matrix.shape) else "numpy")


def _echelon(matrix: Array, p: int, backend: str) -> tuple[Echelon, AbstractBlocks]:
    blocks = blocks_of(backend, p)
    return echelon(blocks.load(matrix), blocks), blocks


def rank(matrix: Array, p: int, backend: str | None = None) -> int:
    """Rank over GF(p).

    It is never above the rank of rational numbers with these residues. It is below where p divides
    all their largest minors: at a random point with probability at most d / p (Schwartz, Zippel),
    d the degree of one that is not 0 as a polynomial, which grows with the rank.

    >>> rank(np.array([[1.0, 2.0], [2.0, 4.0]]), 7)
    1
    """
    if 0 in matrix.shape:
        return 0
    backend = _choose(matrix, backend, back=False)
    if backend == "flint":
        return int(_to_flint(matrix, p).rank())
    # tall: once every column has its pivot, the rows that are left cost nothing
    tall = matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T
    return _echelon(tall, p, backend)[0].rank


def row_reduce(
    matrix: Array, p: int, backend: str | None = None
) -> tuple[Array, list[int]]:
    """Reduced row echelon form without its zero rows, and the pivot columns."""
    columns = matrix.shape[1]
    if 0 in matrix.shape:
        return np.zeros((0, columns)), []
    backend = _choose(matrix, backend)
    if backend == "flint":
        reduced, r = _to_flint(matrix, p).rref()
        form = _from_flint(reduced, int(r))
        return form, [int(np.flatnonzero(row)[0]) for row in form]
    found, blocks = _echelon(matrix, p, backend)
    order = np.argsort(found.pivots)
    form = np.zeros((found.rank, columns))
    form[np.arange(found.rank), found.pivots[order]] = 1.0
    form[:, found.free] = _residues(blocks.host(found.block)[order], p)
    return form, found.pivots[order].tolist()


def _residues(balanced: Array, p: int) -> Array:
    """Residues in [0, p), none of them -0."""
    out: Array = np.where(balanced < 0.0, balanced + p, np.abs(balanced))
    return out


def nullspace(matrix: Array, p: int, backend: str | None = None) -> Array:
    """Basis of {v : matrix v = 0} as rows, shape (nullity, columns), free columns last.

    >>> nullspace(np.array([[1.0, 1.0]]), 7)
    array([[6., 1.]])
    """
    columns = matrix.shape[1]
    if 0 in matrix.shape or _choose(matrix, backend) == "flint":
        form, at = row_reduce(matrix, p, backend)
        pivots = np.array(at, dtype=np.int64)
        free = np.setdiff1d(np.arange(columns), pivots)
        block = form[:, free]
    else:
        found, blocks = _echelon(matrix, p, _choose(matrix, backend))
        pivots, free, block = found.pivots, found.free, blocks.host(found.block)
    basis = np.zeros((len(free), columns))
    basis[np.arange(len(free)), free] = 1.0
    basis[:, pivots] = _residues(np.where(block > 0.0, p - block, -block), p).T
    return basis


def independent_rows(matrix: Array, p: int, backend: str | None = None) -> list[int]:
    """Indices of the rows that raise the rank, taken greedily from the top.

    >>> independent_rows(np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0]]), 7)
    [0, 2]
    """
    if 0 in matrix.shape:
        return []
    backend = _choose(matrix, backend)
    if backend == "flint":
        return row_reduce(np.ascontiguousarray(matrix.T), p, backend)[1]
    rows: list[int] = _echelon(matrix, p, backend)[0].rows.tolist()
    return rows


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
