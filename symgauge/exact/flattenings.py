"""Sums of s pure tensors: how many dimensions they have at most.

A flattening of a tensor T is a matrix that is linear in T: some axes of T for rows, the others for
columns, or, with one axis V apart, Lambda^k V and some axes for rows, Lambda^(k+1) V and the others
for columns, v taking a to v ^ a (Koszul). A pure tensor's has rank 1, or C(dim V - 1, k): that of v
^ . alone. A sum of s of them has no more than s times that. Where T has that rank, T' is a
derivative of such sums, L T = 0 and T R = 0, L T' R = 0 too: the functionals L (x) R vanish on all
derivatives. They are as many at generic tensors as at one, or more.

J. M. Landsberg, G. Ottaviani, Equations for secant varieties of Veronese and other varieties, Ann.
Mat. Pura Appl. 192 (2013); V. Strassen, Linear Algebra Appl. 52 (1983).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations, product
from math import comb, prod

import numpy as np
import numpy.typing as npt

from symgauge.exact.linear_algebra import nullspace, rank

Integers = npt.NDArray[np.int64]
#: Rows and columns of a flattening, and functionals of one, that are looked at.
LARGEST, FUNCTIONALS = 300, 400


def dimensions(
    tensor: Integers, support: npt.NDArray[np.bool_], kinds: Sequence[int], terms: int, p: int,
    wanted: int,
) -> int:
    """An upper bound on the dimensions of certain sums of `terms` pure tensors, no closer than
    `wanted`.

    `tensor` is one such sum modulo p, `support` where they may be other than 0, `kinds` those of
    the axes: sums are symmetric in axes of one kind. Modulo p there are no more functionals than
    there are at the same integers.
    """
    place, number = _entries(tensor, kinds)
    used = np.zeros(number, dtype=bool)
    np.logical_or.at(used, place.reshape(-1), support.reshape(-1))
    known, bound = np.zeros((0, number)), int(used.sum())
    for axis, k, rows, columns in _flattenings(tensor.shape, kinds):
        if bound <= wanted:
            break
        found = _functionals(tensor, axis, k, rows, columns, terms, p)
        if found is None:
            continue
        on_entries = np.zeros((len(found), number), dtype=np.int64)
        for row, f in zip(on_entries, found, strict=True):
            np.add.at(row, place.reshape(-1), f.reshape(-1))
        known = np.concatenate([known, (on_entries % p).astype(np.float64)])
        bound = int(used.sum()) - rank(known[:, used], p)
    return bound


def _entries(tensor: Integers, kinds: Sequence[int]) -> tuple[Integers, int]:
    """The number of each entry, the same for those that symmetry makes equal; how many there are.
    """
    index = np.indices(tensor.shape).reshape(tensor.ndim, -1)
    for kind in set(kinds):
        axes = [a for a, other in enumerate(kinds) if other == kind]
        index[axes] = np.sort(index[axes], axis=0)
    first, place = np.unique(index, axis=1, return_inverse=True)
    return place.reshape(tensor.shape).astype(np.int64), first.shape[1]


def _flattenings(
    shape: Sequence[int], kinds: Sequence[int]
) -> Iterator[tuple[int | None, int, list[int], list[int]]]:
    """The axis that is apart, or None, its k, and the axes of rows and of columns: small first."""
    found = []
    for axis in (None, *(kinds.index(kind) for kind in sorted(set(kinds)))):
        rest = [a for a in range(len(shape)) if a != axis]
        groups = [[a for a in rest if kinds[a] == kind] for kind in sorted(set(kinds))]
        for taken in product(*(range(len(g) + 1) for g in groups)):
            # axes of one kind are alike: only their number counts
            rows = [a for g, n in zip(groups, taken, strict=True) for a in g[:n]]
            columns = [a for a in rest if a not in rows]
            for k in (0,) if axis is None else range(1, shape[axis] - 1):
                high = prod(shape[a] for a in rows) * (1 if axis is None else comb(shape[axis], k))
                wide = prod(shape[a] for a in columns) * (
                    1 if axis is None else comb(shape[axis], k + 1))
                # a transposed one says the same
                if 1 < high <= LARGEST and 1 < wide <= LARGEST and (
                        axis is not None or high <= wide):
                    found.append((high * wide, (axis, k, rows, columns)))
    yield from (f for _, f in sorted(found, key=lambda entry: entry[0]))


def _functionals(
    tensor: Integers, axis: int | None, k: int, rows: list[int], columns: list[int], terms: int,
    p: int,
) -> list[Integers] | None:
    """L (x) R as tensors; None where the rank is below that of `terms` pure ones, or all there is.
    """
    apart = [] if axis is None else [axis]
    order = [*apart, *rows, *columns]
    high, wide = (prod(tensor.shape[a] for a in axes) for axes in (rows, columns))
    n = 1 if axis is None else tensor.shape[axis]
    flat = tensor.transpose(order).reshape(n, high, wide)
    signs = np.ones((1, 1, 1), dtype=np.int64) if axis is None else _wedges(n, k)
    matrix = np.einsum("ast,arc->srtc", signs, flat).reshape(signs.shape[1] * high, -1) % p
    most = terms * (1 if axis is None else comb(n - 1, k))
    if most >= min(matrix.shape) or rank(matrix.astype(np.float64), p) != most:
        return None
    left, right = (
        nullspace(np.array(m, dtype=np.float64), p).astype(np.int64).reshape(-1, *shape)
        for m, *shape in ((matrix.T, signs.shape[1], high), (matrix, signs.shape[2], wide)))
    back, shape = np.argsort(order), [tensor.shape[a] for a in order]
    found = []
    for u, v in list(product(left, right))[:FUNCTIONALS]:
        both = np.einsum("sr,tc->srtc", u, v) % p
        found.append((np.einsum("ast,srtc->arc", signs, both) % p).reshape(shape).transpose(back))
    return found


def _wedges(n: int, k: int) -> Integers:
    """By a, S and S': the sign of e_a ^ e_S in e_S', for S of k and S' of k + 1 numbers below n."""
    small, large = list(combinations(range(n), k)), list(combinations(range(n), k + 1))
    found = np.zeros((n, len(small), len(large)), dtype=np.int64)
    for (s, some), a in product(enumerate(small), range(n)):
        if a not in some:
            found[a, s, large.index(tuple(sorted((*some, a))))] = (-1) ** sum(x < a for x in some)
    return found
