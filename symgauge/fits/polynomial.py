"""Polynomials through exact values: coefficients in QQ, nothing is rounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product
from math import prod

from symgauge.exact.rational_matrix import RationalMatrix, matrix, solved

#: Exponents of one monomial, in the order of the variables.
Monomial = tuple[int, ...]
Point = tuple[int, ...]


@dataclass(frozen=True)
class Polynomial:
    """sum_m c_m x^m with rational c_m.

    >>> square = Polynomial(("n",), {(2,): Fraction(1, 2), (1,): Fraction(-1, 2)})
    >>> square((4,)), str(square)
    (Fraction(6, 1), 'n**2/2 - n/2')
    """

    names: tuple[str, ...]
    terms: dict[Monomial, Fraction]

    def __call__(self, at: Point) -> Fraction:
        return sum((c * _value(m, at) for m, c in self.terms.items()), Fraction(0))

    def __str__(self) -> str:
        import sympy

        symbols = [sympy.Symbol(name, positive=True) for name in self.names]
        total = sum(
            sympy.Rational(c.numerator, c.denominator)
            * sympy.prod(s**e for s, e in zip(symbols, m, strict=True))
            for m, c in self.terms.items())
        return str(sympy.sstr(sympy.expand(total)))


def _value(m: Monomial, at: Point) -> int:
    return prod(x**e for e, x in zip(m, at, strict=True))


def through(
    monomials: Sequence[Monomial], points: Sequence[Point], values: Sequence[int]
) -> tuple[dict[Monomial, Fraction] | None, bool]:
    """(coefficients, whether they are determined) of the polynomial through all the points.

    None where no combination of the monomials takes these values.
    """
    found = solved(_rows(monomials, points), matrix([[v] for v in values], 1))
    if found is None:
        return None, False
    coefficients = {
        m: Fraction(int(c.p), int(c.q)) for m, (c,) in zip(monomials, found.table(), strict=True)}
    return ({m: c for m, c in coefficients.items() if c},
            rank(monomials, points) == len(monomials))


def rank(monomials: Sequence[Monomial], points: Sequence[Point]) -> int:
    """How many coefficients values at these points determine."""
    return int(_rows(monomials, points).rank())


def _rows(monomials: Sequence[Monomial], points: Sequence[Point]) -> RationalMatrix:
    return matrix([[_value(m, p) for m in monomials] for p in points], len(monomials))


def degree(values: Sequence[tuple[int, int]], most: int) -> int | None:
    """The least degree of a polynomial in one variable through (x, value), with one value to spare.

    None where there is none up to `most`, or too few values to say so.
    """
    for d in range(min(most, len(values) - 2) + 1):
        found, _ = through([(e,) for e in range(d + 1)], [(x,) for x, _ in values],
                           [v for _, v in values])
        if found is not None:
            return d
    return None


def monomials(degrees: Sequence[int], together: set[tuple[int, int]]) -> Iterator[Monomial]:
    """Exponents up to `degrees` whose variables meet in pairs (i, j), i < j, of `together`."""
    for m in product(*(range(d + 1) for d in degrees)):
        used = [i for i, e in enumerate(m) if e]
        if all(pair in together for pair in combinations(used, 2)):
            yield m
