"""Real balls (python-flint's arb): numbers with rigorous error bounds, and minors made of them.

A matrix of balls stands for every matrix whose entries lie in them; what is shown here holds for
each. Arrays are numpy object arrays of balls. Not for: what a ball that is too wide leaves open:
that is raised as `Undecided`, and wants more bits or another point.

The test of a minor: where |I - R A| < 1 in a norm for some R, A is invertible (Neumann's series);
R is an approximate inverse of the midpoints, and may be any matrix (Rump, Verification methods,
Acta Numerica 19 (2010), 10.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from math import prod
from typing import Any

import flint
import numpy as np
import numpy.typing as npt

Balls = npt.NDArray[np.object_]

#: Digits of a determinant that are printed, and bits that it must be known to: far more than are
#: printed, so that no other rounding of the last ones changes the text.
DIGITS, KNOWN_BITS = 20, 110
#: Below this many multiplications numpy's own loop is the faster matrix product.
_SMALL = 16


class Undecided(Exception):
    """A ball is too wide to tell: more bits may help, or another point."""


@contextmanager
def precision(bits: int) -> Iterator[None]:
    """Arithmetic with this many bits inside the block."""
    with flint.ctx.workprec(bits):
        yield


def ball(value: Fraction, radius: Fraction = Fraction(0)) -> Any:
    """A ball that holds [value - radius, value + radius].

    >>> third = ball(Fraction(1, 3))
    >>> bool(third * 3 == 1), third.contains(third)
    (False, True)
    """
    exact = flint.arb(flint.fmpq(value.numerator, value.denominator))
    if not radius:
        return exact
    wide = flint.arb(flint.fmpq(radius.numerator, radius.denominator)).upper()
    return exact + flint.arb(0, wide)


def balls(values: Any, radius: Fraction = Fraction(0)) -> Balls:
    """An array of exact numbers (Fractions or integers) as balls, each an object of its own."""
    given = np.asarray(values, dtype=object)
    out = np.empty(given.shape, dtype=object)
    out.reshape(-1)[:] = [ball(Fraction(v), radius) for v in given.reshape(-1).tolist()]
    return out


def zeros(shape: tuple[int, ...]) -> Balls:
    """The exact number 0."""
    return np.full(shape, flint.arb(0), dtype=object)


def entrywise(function: str) -> Callable[[Balls], Balls]:
    """A function of one ball (a method's name of arb, as "exp") on arrays."""
    lifted = np.frompyfunc(getattr(flint.arb, function), 1, 1)

    def apply(a: Balls) -> Balls:
        return np.asarray(lifted(a), dtype=object)

    return apply


def erf_slope(a: Balls) -> Balls:
    """2 exp(-a^2) / sqrt(pi)."""
    factor = 2 / flint.arb.pi().sqrt()
    return np.asarray(entrywise("exp")(-a * a) * factor, dtype=object)


def sign(x: Any) -> int:
    """1, -1, or 0 for what is exactly 0. Raises Undecided where the ball leaves it open.

    >>> [sign(ball(Fraction(v))) for v in (3, -2, 0)]
    [1, -1, 0]
    """
    if x > 0:
        return 1
    if x < 0:
        return -1
    if x.is_zero():
        return 0
    raise Undecided("a ball holds 0 where its sign decides a branch")


def integer(x: Any) -> int:
    """The one integer in a ball. Raises Undecided where there is none or several."""
    found = x.unique_fmpz()
    if found is None:
        raise Undecided("a ball holds not one integer where an integer decides a branch")
    return int(found)


def midpoints(a: Balls) -> npt.NDArray[np.float64]:
    """The midpoints, rounded to float64."""
    return np.asarray(np.frompyfunc(lambda x: float(x.mid()), 1, 1)(a), dtype=np.float64)


def are_numbers(a: Balls) -> bool:
    """Whether every ball is bounded: a value outside the domain of a function is not."""
    return all(x.is_finite() for x in a.reshape(-1).tolist())


def overlap(a: Any, b: Any) -> bool:
    """Whether two balls have a number in common."""
    return bool(a.overlaps(b))


# -- products ------------------------------------------------------------------------------------


def _matrix(a: Balls) -> Any:
    rows, columns = a.shape
    return flint.arb_mat(rows, columns, a.reshape(-1).tolist())


def _array(m: Any) -> Balls:
    out = np.empty(m.nrows() * m.ncols(), dtype=object)
    out[:] = m.entries()
    return out.reshape(m.nrows(), m.ncols())


def _product(a: Balls, b: Balls) -> Balls:
    """The product of two matrices; those without entries included."""
    if 0 in (*a.shape, *b.shape):
        return zeros((a.shape[0], b.shape[1]))
    if a.shape[0] * a.shape[1] * b.shape[1] <= _SMALL:
        return np.asarray(a @ b, dtype=object)
    return _array(_matrix(a) * _matrix(b))


def matmul(a: Balls, b: Balls) -> Balls:
    """Matrix product over the last two axes, with broadcasting of the others."""
    lead = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    n, k, m, count = a.shape[-2], a.shape[-1], b.shape[-1], prod(lead)
    left, right = (
        np.broadcast_to(x, (*lead, *x.shape[-2:])).reshape(count, *x.shape[-2:]) for x in (a, b)
    )
    # one factor for all: the others side by side are one matrix
    if prod(b.shape[:-2]) == 1:
        found = _product(left.reshape(count * n, k), b.reshape(k, m))
    elif prod(a.shape[:-2]) == 1:
        columns = right.transpose(1, 0, 2).reshape(k, count * m)
        wide = _product(a.reshape(n, k), columns).reshape(n, count, m)
        found = wide.transpose(1, 0, 2)
    else:
        pairs = zip(left, right, strict=True)
        found = np.stack([_product(x, y) for x, y in pairs]) if count else zeros((0, n, m))
    return found.reshape(*lead, n, m)


# -- minors --------------------------------------------------------------------------------------


def nonsingular(matrix: Balls) -> bool:
    """Whether |I - R A| < 1 is shown for an approximate inverse R, in the row-sum norm.

    >>> nonsingular(balls([[1, 2], [3, 4]])), nonsingular(balls([[1, 2], [2, 4]]))
    (True, False)
    """
    n = len(matrix)
    if not n:
        return True
    a = _matrix(matrix)
    try:
        inverse = a.mid().inv().mid()
    except ZeroDivisionError:
        return False
    defect = _array(inverse * a - flint.arb_mat(n, n, 1))
    # a comparison of balls is true only where it is true of all their numbers
    return all(bool(sum(abs(x) for x in row) < 1) for row in defect)


def determinant(matrix: Balls) -> str | None:
    """The determinant to DIGITS digits, as text; None where the balls are too wide for it.

    It is then not 0.

    >>> determinant(balls([[1, 2], [3, 4]])), determinant(balls([[1, 2], [2, 4]]))
    ('-2.0000000000000000000', None)
    """
    if not len(matrix):
        return "1"
    found = _matrix(matrix).det()
    if not found.is_finite() or found.contains(0) or found.rel_accuracy_bits() < KNOWN_BITS:
        return None
    return str(found.str(DIGITS, radius=False))


def pivots(matrix: Balls, limit: int) -> tuple[list[int], list[int]]:
    """Rows and columns, at most `limit`, of a minor that is shown not to be 0.

    Gaussian elimination in balls with complete pivoting: it stops where every entry that is left
    may be 0.

    >>> pivots(balls([[0, 0, 2], [1, 1, 0], [1, 1, 5]]), 3)
    ([2, 1], [2, 0])
    """
    rest = np.array(matrix)
    left = np.arange(len(rest))
    rows: list[int] = []
    columns: list[int] = []
    while len(rows) < min(limit, *matrix.shape):
        sizes = np.asarray(_LOWER(rest), dtype=np.float64)
        i, j = np.unravel_index(int(np.argmax(sizes)), sizes.shape)
        if not sizes[i, j] > 0.0:
            break
        rows.append(int(left[i]))
        columns.append(int(j))
        pivot = rest[i] / rest[i, j]
        rest, left = np.delete(rest, i, axis=0), np.delete(left, i)
        rest = rest - np.outer(rest[:, j], pivot)
        rest[:, j] = zeros((len(rest),))  # exactly
    return rows, columns


def _lower(x: Any) -> float:
    # a lower bound on |x|; 0 too for what is no number
    return float(x.abs_lower()) if x.is_finite() else 0.0


_LOWER = np.frompyfunc(_lower, 1, 1)
