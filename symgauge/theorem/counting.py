"""Dimensions that converse theorems share, and exact matrices whose ranks decide their edges.

For theorems and their tests alone: a deriver counts what it finds, never by these formulas.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import sympy

from symgauge.errors import BadInputError

#: Residues of `integers`; a prime, so that its rows are in general position.
_PRIME = 101


def pair(m: int, n: int, k: int) -> int:
    """dim {(dA, dB) : dA B + A dB = 0} at generic A (m x k), B (k x n): K2 of proofs/.

    >>> pair(3, 4, 2), pair(2, 2, 3)
    (4, 8)
    """
    r = min(m, n, k)
    return k * (m + n) - r * (m + n - r)


def gram(m: int, d: int) -> int:
    """dim {dW : dW W^T + W dW^T = 0} at generic W (m x d): K2 of proofs/.

    >>> gram(3, 2), gram(2, 3)
    (1, 3)
    """
    return d * (d - 1) // 2 if m >= d else d * m - m * (m + 1) // 2


def integers(rows: int, columns: int, seed: int = 0) -> Any:
    """A fixed matrix of integers between -50 and 50, in general position for small sizes.

    It is an example: what is true of it is decided by a rank, never assumed.
    """
    def entry(i: int, j: int) -> int:
        base = 2 + 3 * seed + 7 * i
        return (pow(base, 2 * j + 3, _PRIME) + 11 * i * j + 5 * seed) % _PRIME - _PRIME // 2

    return sympy.Matrix(rows, columns, entry)


def linear_map(image: Callable[..., Any], *shapes: tuple[int, int]) -> Any:
    """The matrix of a linear map of matrices of these shapes; a column for each entry of each.

    `image` takes one matrix per shape and returns a matrix.

    >>> A, B = integers(2, 1), integers(1, 3)
    >>> linear_map(lambda a, b: a * B + A * b, (2, 1), (1, 3)).shape
    (6, 5)
    """
    columns = []
    for k, (rows, width) in enumerate(shapes):
        for i, j in product(range(rows), range(width)):
            unit = [sympy.zeros(*shape) for shape in shapes]
            unit[k][i, j] = 1
            columns.append(sympy.Matrix(list(image(*unit))))
    if not columns:
        raise BadInputError("linear_map needs a shape with an entry")
    return sympy.Matrix.hstack(*columns)


def coefficients(columns: Sequence[Sequence[Any]], variables: Sequence[Any]) -> Any:
    """The matrix whose columns hold the coefficients of lists of polynomials in `variables`.

    With the derivatives of the outputs by one parameter in each column, its rank is the rank of the
    Jacobian of a polynomial network.

    >>> x, y = sympy.symbols("x y")
    >>> coefficients([[x * y, x], [2 * x * y, 2 * x]], (x, y)).rank()
    1
    """
    read = [
        {(row, power): c for row, e in enumerate(column)
         for power, c in sympy.Poly(e, *variables).terms() if c != 0}
        for column in columns
    ]
    rows = sorted({key for column in read for key in column})
    return sympy.Matrix(len(rows), len(read), lambda i, j: read[j].get(rows[i], 0))
