"""Rational functions of one variable over GF(p), known by values."""

from __future__ import annotations

import numpy as np

from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import Array, PrimeField

#: Values beyond those that a function of the highest degree is determined by.
SPARE = 3


def values_for(degree: int) -> int:
    """How many values tell a degree up to this one."""
    return 2 * degree + 2 + SPARE


def degree_of(points: Array, above: Array, below: Array, field: PrimeField) -> int | None:
    """The larger degree of a and b coprime with a/b = above/below at the points; None beyond.

    As many points as `values_for` says; a wrong answer has probability about p^-SPARE.

    >>> from symgauge.exact.prime_field import primes
    >>> field = PrimeField(next(primes()))
    >>> t = np.arange(2.0, 2 + values_for(3))
    >>> degree_of(t, field.mul(t, t), t + 1, field)
    2
    """
    most = (len(points) - SPARE) // 2 - 1
    powers = [np.ones(len(points))]
    for _ in range(most):
        powers.append(field.mul(powers[-1], points))
    columns = np.stack(powers, axis=1)
    system = np.concatenate(
        [field.mul(columns, below[:, None]), field.mul(columns, above[:, None])], axis=1)
    # a below = b above: solutions are multiples of (a, -b) by polynomials
    solutions = system.shape[1] - rank(system, field.p)
    return most - solutions + 1 if solutions else None
