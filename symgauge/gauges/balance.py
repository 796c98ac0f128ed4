"""The basis in which two factors of a product share its spectrum."""

from __future__ import annotations

import numpy as np

from symgauge.weights.action import Array

#: Singular values below it, in units of the largest, are rounding.
RANK = 1e-10


def balancing(up: Array, down: Array) -> Array | None:
    """g such that the rows x g^T of `up` and y g^-1 of `down` have one diagonal Gram matrix.

    With R-factors T and U of the two, and U T^T = P S V^T: g = S^1/2 V^T T^-T, and the Gram matrix
    is S, in falling order. None where a factor has not full column rank.
    """
    n = up.shape[1]
    if min(len(up), len(down)) < n:
        return None
    t, u = (np.linalg.qr(side)[1] for side in (up, down))
    _, s, v = np.linalg.svd(u @ t.T)
    if any(np.linalg.cond(r) * RANK > 1 for r in (t, u)):
        return None
    found: Array = np.sqrt(s)[:, None] * np.linalg.solve(t, v.T).T
    return found
