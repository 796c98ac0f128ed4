"""Exact numbers as text, the way certificates carry them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

#: No exponents: a short text must not stand for a number of a billion digits.
_TEXT = re.compile(r"-?[0-9]{1,4000}(/[0-9]{1,4000})?", re.ASCII)


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
