"""Many small matrices over GF(p), each with a vector: one elimination for all of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from symgauge.exact.prime_field import Array, PrimeField


def outside(matrices: Array, vectors: Array, field: PrimeField) -> npt.NDArray[np.bool_]:
    """For each vector whether it is outside the row space of its matrix.

    Shapes (matrices, rows, n) and (matrices, n), of residues.

    >>> matrices = np.array([[[1.0, 2.0], [2.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]])
    >>> outside(matrices, np.array([[1.0, 3.0], [1.0, 3.0]]), PrimeField(7))
    array([ True, False])
    """
    left = np.concatenate([matrices, vectors[:, None]], axis=1)
    each = np.arange(len(left))
    free = np.ones(left.shape[:2], dtype=bool)
    free[:, -1] = False
    out = np.zeros(len(left), dtype=bool)
    while left.shape[-1]:
        column = left[:, :, 0]
        candidates = free & (column != 0.0)
        pivot = np.argmax(candidates, axis=1)
        found = candidates[each, pivot]
        out |= ~found & (column[:, -1] != 0.0)
        free[each, pivot] &= ~found
        row = np.where(found[:, None], left[each, pivot], 0.0)
        # times the pivot in place of divided by it
        head = np.where(found, row[:, 0], 1.0)
        left = field.sub(
            field.mul(left[:, :, 1:], head[:, None, None]),
            field.mul(column[:, :, None], row[:, None, 1:]))
    return out
