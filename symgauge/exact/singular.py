"""Which of many small square matrices over GF(p) are singular: one elimination for all of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from symgauge.exact.prime_field import Array, PrimeField


def singular(matrices: Array, field: PrimeField) -> npt.NDArray[np.bool_]:
    """Those of determinant 0, of an array of residues of shape (matrices, n, n).

    >>> matrices = np.array([[[1.0, 2.0], [2.0, 4.0]], [[0.0, 1.0], [1.0, 0.0]]])
    >>> singular(matrices, PrimeField(7))
    array([ True, False])
    """
    left = matrices.copy()
    each = np.arange(len(left))
    out = np.zeros(len(left), dtype=bool)
    for _ in range(matrices.shape[-1]):
        pivot = np.argmax(left[:, :, 0] != 0.0, axis=1)
        row = left[each, pivot]
        left[each, pivot] = left[:, 0]
        head = row[:, :1]
        out |= head[:, 0] == 0.0
        # times the pivot in place of divided by it
        left = field.sub(
            field.mul(left[:, 1:, 1:], head[:, :, None]),
            field.mul(left[:, 1:, :1], row[:, None, 1:]))
    return out
