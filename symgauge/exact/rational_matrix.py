"""Matrices over QQ, dense and exact: reduced forms, nullspaces, characteristic polynomials.

A `RationalMatrix` is flint's; vectors are rows, a subspace is a matrix of independent rows.
Not for: large sparse matrices, nor for ranks that one prime decides (`linear_algebra`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import Any, TypeAlias

import flint

RationalMatrix: TypeAlias = Any


def matrix(rows: Sequence[Sequence[Any]], columns: int) -> RationalMatrix:
    """The matrix of these rows, of integers, fractions or flint's numbers."""
    return shaped(len(rows), columns, [x for row in rows for x in row])


def shaped(rows: int, columns: int, entries: Iterable[Any]) -> RationalMatrix:
    """The matrix of these entries, row by row."""
    return flint.fmpq_mat(rows, columns, [
        flint.fmpq(x.numerator, x.denominator) if isinstance(x, Fraction) else x for x in entries])


def identity(n: int) -> RationalMatrix:
    """The unit matrix."""
    return flint.fmpq_mat(n, n, [int(i == j) for i in range(n) for j in range(n)])


def stacked(parts: Sequence[RationalMatrix], columns: int) -> RationalMatrix:
    """The rows of all."""
    return matrix([row for part in parts for row in part.table()], columns)


def is_zero(m: RationalMatrix) -> bool:
    """Whether every entry is 0."""
    return not any(m.entries())


def reduced(m: RationalMatrix) -> tuple[RationalMatrix, list[int]]:
    """The reduced row echelon form without its zero rows, and the pivot columns.

    >>> form, pivots = reduced(matrix([[2, 4], [1, 2]], 2))
    >>> form.table(), pivots
    ([[1, 2]], [0])
    """
    form, rank = m.rref()
    rows = form.table()[:rank]
    return matrix(rows, m.ncols()), [next(j for j, x in enumerate(r) if x) for r in rows]


def nullspace(m: RationalMatrix) -> RationalMatrix:
    """A basis of {v : m v = 0}, as rows.

    >>> nullspace(matrix([[1, 1]], 2)).table()
    [[-1, 1]]
    """
    n = m.ncols()
    form, pivots = reduced(m)
    free = sorted(set(range(n)) - set(pivots))
    table, rows = form.table(), []
    for f in free:
        row: list[Any] = [0] * n
        row[f] = 1
        for r, p in zip(table, pivots, strict=True):
            row[p] = -r[f]
        rows.append(row)
    return matrix(rows, n)


class Frame:
    """Independent rows, and the vectors that are combinations of them."""

    def __init__(self, basis: RationalMatrix) -> None:
        self.basis = basis
        _, self._pivots = reduced(basis)
        self._inverse = self._at_pivots(basis).inv() if self._pivots else None

    def _at_pivots(self, m: RationalMatrix) -> RationalMatrix:
        return matrix([[row[p] for p in self._pivots] for row in m.table()], len(self._pivots))

    def coordinates(self, vectors: RationalMatrix) -> RationalMatrix | None:
        """The vectors (rows) as combinations of the rows; None where one is none."""
        if self._inverse is None:
            return matrix([[]] * vectors.nrows(), 0) if is_zero(vectors) else None
        found = self._at_pivots(vectors) * self._inverse
        return found if found * self.basis == vectors else None


def solved(m: RationalMatrix, right: RationalMatrix) -> RationalMatrix | None:
    """One x with m x = right (a column), free entries 0; None where there is none."""
    n = m.ncols()
    joint = matrix([
        [*row, *b] for row, b in zip(m.table(), right.table(), strict=True)], n + 1)
    form, pivots = reduced(joint)
    if n in pivots:
        return None
    x: list[list[Any]] = [[0] for _ in range(n)]
    for row, p in zip(form.table(), pivots, strict=True):
        x[p][0] = row[n]
    return matrix(x, 1)


def polynomial_at(coefficients: Sequence[Any], m: RationalMatrix) -> RationalMatrix:
    """f(m), by the coefficients of f, lowest first."""
    n = m.nrows()
    total, one = shaped(n, n, [0] * (n * n)), identity(n)
    for c in reversed(coefficients):
        number = flint.fmpq(c.numerator, c.denominator) if isinstance(c, Fraction) else c
        total = total * m + one * number
    return total


def characteristic_polynomial(m: RationalMatrix) -> list[Fraction]:
    """det(t - m) by its coefficients, lowest first.

    >>> characteristic_polynomial(matrix([[2, 0], [0, 3]], 2))
    [Fraction(6, 1), Fraction(-5, 1), Fraction(1, 1)]
    """
    return [Fraction(int(c.p), int(c.q)) for c in m.charpoly().coeffs()]


def signature(symmetric: RationalMatrix) -> tuple[int, int]:
    """The numbers of positive and of negative squares of a symmetric matrix.

    All roots of its characteristic polynomial are real, so Descartes' rule counts them exactly.

    >>> signature(matrix([[0, 1], [1, 0]], 2))
    (1, 1)
    """
    c = characteristic_polynomial(symmetric)
    zero = next(k for k, x in enumerate(c) if x)
    signs = [x > 0 for x in c[zero:] if x]
    positive = sum(a != b for a, b in zip(signs, signs[1:]))
    return positive, len(c) - 1 - zero - positive


def factors(coefficients: Sequence[Any]) -> list[list[Fraction]]:
    """The different irreducible factors over QQ of a polynomial, each by its coefficients.

    >>> factors([2, -3, 1])
    [[Fraction(-2, 1), Fraction(1, 1)], [Fraction(-1, 1), Fraction(1, 1)]]
    """
    f = _polynomial(coefficients)
    found = [[Fraction(int(c.p), int(c.q)) for c in g.coeffs()] for g, _ in f.factor()[1]]
    return sorted(found, key=lambda g: (len(g), g))


def minimal_polynomial(m: RationalMatrix) -> list[Fraction]:
    """The minimal polynomial, lowest coefficient first."""
    return [Fraction(int(c.p), int(c.q)) for c in m.minpoly().coeffs()]


def real_root_count(coefficients: Sequence[Any], below: Fraction | None = None) -> int:
    """The number of real roots of a squarefree polynomial, below a number that is no root (Sturm).

    >>> real_root_count([-2, 0, 1]), real_root_count([-2, 0, 1], Fraction(0))
    (2, 1)
    """
    f = _polynomial(coefficients)
    chain = [f, f.derivative()]
    while chain[-1].degree() > 0:
        chain.append(-(chain[-2] % chain[-1]))

    def changes(signs: list[bool]) -> int:
        return sum(a != b for a, b in zip(signs, signs[1:]))

    low = changes([(g.leading_coefficient() > 0) == (g.degree() % 2 == 0) for g in chain])
    if below is None:
        return low - changes([bool(g.leading_coefficient() > 0) for g in chain])
    values = [g(flint.fmpq(below.numerator, below.denominator)) for g in chain]
    return low - changes([bool(v > 0) for v in values if v])


def _polynomial(coefficients: Sequence[Any]) -> Any:
    return flint.fmpq_poly([
        flint.fmpq(x.numerator, x.denominator) if isinstance(x, Fraction) else x
        for x in coefficients])
