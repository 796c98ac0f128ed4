"""Polynomials through exact values: coefficients in QQ, nothing is rounded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, product

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
        from sympy import Rational, Symbol, expand, prod, sstr

        symbols = [Symbol(name, positive=True) for name in self.names]
        total = sum(
            Rational(c.numerator, c.denominator)
            * prod(s**e for s, e in zip(symbols, m, strict=True))
            for m, c in self.terms.items())
        return str(sstr(expand(total)))


def _value(m: Monomial, at: Point) -> int:
    out = 1
    for e, x in zip(m, at, strict=True):
        out *= x**e
    return out


def through(
    monomials: Sequence[Monomial], points: Sequence[Point], values: Sequence[int]
) -> tuple[dict[Monomial, Fraction] | None, bool]:
    """(coefficients, whether they are determined) of the polynomial through all the points.

    None where no combination of the monomials takes these values. Gauss over QQ.
    """
    rows = [
        [*(Fraction(_value(m, p)) for m in monomials), Fraction(v)]
        for p, v in zip(points, values, strict=True)]
    pivots: list[int] = []
    for column in range(len(monomials)):
        at = next((r for r in range(len(pivots), len(rows)) if rows[r][column]), None)
        if at is None:
            continue
        here = len(pivots)
        rows[here], rows[at] = rows[at], rows[here]
        rows[here] = [x / rows[here][column] for x in rows[here]]
        for r, row in enumerate(rows):
            if r != here and row[column]:
                rows[r] = [x - row[column] * y for x, y in zip(row, rows[here], strict=True)]
        pivots.append(column)
    if any(row[-1] for row in rows[len(pivots):]):
        return None, False
    found = {monomials[c]: rows[r][-1] for r, c in enumerate(pivots) if rows[r][-1]}
    return found, len(pivots) == len(monomials)


def rank(monomials: Sequence[Monomial], points: Sequence[Point]) -> int:
    """How many coefficients values at these points determine."""
    from sympy import QQ
    from sympy.polys.matrices import DomainMatrix

    if not points:
        return 0
    rows = [[QQ(_value(m, p)) for m in monomials] for p in points]
    return int(DomainMatrix(rows, (len(points), len(monomials)), QQ).rank())


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
