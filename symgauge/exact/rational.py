"""Exact numbers as text, the way certificates carry them."""

from __future__ import annotations

import re
from fractions import Fraction
from math import isqrt
from typing import Any

import flint

#: No exponents: a short text must not stand for a number of a billion digits.
_TEXT = re.compile(r"-?[0-9]{1,4000}(/[0-9]{1,4000})?", re.ASCII)

#: Powers and roots that are made.
MAX_EXPONENT = 64


def rational(text: Any) -> Fraction:
    """The number that `str(Fraction)` wrote. Raises ValueError on anything else.

    >>> rational("-3/7"), rational("2")
    (Fraction(-3, 7), Fraction(2, 1))
    >>> rational("1e9")
    Traceback (most recent call last):
        ...
    ValueError: '1e9' is no exact number
    """
    if not isinstance(text, str) or not _TEXT.fullmatch(text):
        raise ValueError(f"{str(text)[:40]!r} is no exact number")
    return Fraction(text)


def factors(value: Fraction) -> dict[int, int]:
    """The primes of a positive rational and their exponents.

    >>> factors(Fraction(12, 5))
    {2: 2, 3: 1, 5: -1}
    """
    found: dict[int, int] = {}
    for number, sign in ((value.numerator, 1), (value.denominator, -1)):
        for q, e in flint.fmpz(number).factor():
            found[int(q)] = sign * int(e)
    return found


def root_free(value: Fraction) -> tuple[Fraction, int]:
    """A rational s and an integer m without square factors with value = s^2 m, both positive.

    >>> root_free(Fraction(8, 3))
    (Fraction(2, 3), 6)
    """
    m = 1
    for q, e in factors(value).items():
        m *= q if e % 2 else 1
    square = value / m
    return Fraction(isqrt(square.numerator), isqrt(square.denominator)), m


def power(value: Fraction, exponent: Fraction) -> Fraction | None:
    """value**exponent where it is a rational number of moderate size.

    >>> power(Fraction(16, 81), Fraction(3, 4)), power(Fraction(2), Fraction(1, 2))
    (Fraction(8, 27), None)
    """
    k, q = exponent.numerator, exponent.denominator
    if value == 0 or abs(k) > MAX_EXPONENT or q > MAX_EXPONENT or q > 1 and value < 0:
        return Fraction(int(k == 0)) if value == 0 and k >= 0 else None
    root = value
    if q > 1:
        parts = [int(flint.fmpz(n).root(q)) for n in (value.numerator, value.denominator)]
        root = Fraction(*parts)
        if root**q != value:
            return None
    return root**k
