"""Lie algebras built from matrices, their structure constants, and random rational bases."""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction

import numpy as np

from symgauge.exact.rational_matrix import Frame, matrix
from symgauge.lie.constants import Constants

Matrices = list[np.ndarray]


def unit(n: int, i: int, j: int) -> np.ndarray:
    out = np.zeros((n, n), dtype=object)
    out[i, j] = 1
    return out


def gl(n: int) -> Matrices:
    return [unit(n, i, j) for i in range(n) for j in range(n)]


def sl(n: int) -> Matrices:
    return [unit(n, i, j) for i in range(n) for j in range(n) if i != j] + [
        unit(n, i, i) - unit(n, i + 1, i + 1) for i in range(n - 1)]


def so(p: int, q: int = 0) -> Matrices:
    """A^T E + E A = 0 for E = diag(1, ..., -1, ...)."""
    n, sign = p + q, [1] * p + [-1] * q
    return [unit(n, i, j) - sign[i] * sign[j] * unit(n, j, i)
            for i in range(n) for j in range(i)]


def sp(n: int) -> Matrices:
    """sp(2n, R)."""
    out = []
    for i in range(n):
        for j in range(n):
            out.append(unit(2 * n, i, j) - unit(2 * n, n + j, n + i))
        for j in range(i + 1):
            for a, b in ((i, n + j), (n + i, j)):
                c, d = (j, n + i) if b >= n else (n + j, i)
                out.append(unit(2 * n, a, b) + (unit(2 * n, c, d) if i != j else 0))
    return out


def complexified(real: Sequence[np.ndarray], imaginary: Sequence[np.ndarray]) -> Matrices:
    """Real and i times real matrices, as real ones of twice the size."""
    turn = np.array([[0, -1], [1, 0]], dtype=object)
    one = np.eye(2, dtype=object)
    return [np.kron(one, a) for a in real] + [np.kron(turn, a) for a in imaginary]


def gl_complex(n: int) -> Matrices:
    return complexified(gl(n), gl(n))


def u(p: int, q: int = 0, trace: bool = True) -> Matrices:
    """u(p, q); without the trace su(p, q)."""
    n, sign = p + q, [1] * p + [-1] * q
    imaginary = [unit(n, i, j) + sign[i] * sign[j] * unit(n, j, i)
                 for i in range(n) for j in range(i)]
    imaginary += [unit(n, i, i) - (0 if trace else unit(n, i + 1, i + 1))
                  for i in range(n if trace else n - 1)]
    return complexified(so(p, q), imaginary)


def affine(linear: Matrices, copies: int = 1) -> Matrices:
    """The matrices |x copies of the space they act on."""
    n = len(linear[0])
    m = n + copies

    def big(a: np.ndarray) -> np.ndarray:
        out = np.zeros((m, m), dtype=object)
        out[:n, :n] = a
        return out

    return [big(a) for a in linear] + [unit(m, i, n + c) for c in range(copies) for i in range(n)]


def heisenberg(n: int) -> Matrices:
    """Of dimension 2n + 1."""
    m = n + 2
    return [unit(m, 0, 1 + i) for i in range(n)] + [unit(m, 1 + i, m - 1) for i in range(n)] + [
        unit(m, 0, m - 1)]


def direct(*parts: Matrices) -> Matrices:
    size = sum(len(p[0]) for p in parts)
    out, at = [], 0
    for p in parts:
        k = len(p[0])
        for a in p:
            big = np.zeros((size, size), dtype=object)
            big[at:at + k, at:at + k] = a
            out.append(big)
        at += k
    return out


def lines(n: int) -> Matrices:
    return [unit(n, i, i) for i in range(n)]


def constants_of(basis: Sequence[np.ndarray], seed: int | None = None) -> Constants:
    """The structure constants; with a seed, in a random rational basis."""
    n = len(basis)
    span = matrix([list(a.ravel()) for a in basis], basis[0].size)
    if seed is not None:
        drawn = random.Random(seed)
        change = [[Fraction(int(i == j)) for j in range(n)] for i in range(n)]
        for _ in range(2 * n):
            i, j = drawn.sample(range(n), 2) if n > 1 else (0, 0)
            if i != j:
                c = Fraction(drawn.choice([-2, -1, 1, 1, 2]), drawn.choice([1, 1, 2, 3]))
                change[i] = [a + c * b for a, b in zip(change[i], change[j])]
        span = matrix(change, n) * span
    size = len(basis[0])
    elements = [np.array([Fraction(int(x.p), int(x.q)) for x in row], dtype=object)
                .reshape(size, size) for row in span.table()]
    out: Constants = {}
    frame = Frame(span)
    for i in range(1, n):
        brackets = [elements[i] @ b - b @ elements[i] for b in elements[:i]]
        found = frame.coordinates(
            matrix([list(b.ravel()) for b in brackets], size * size))
        assert found is not None
        for j, row in enumerate(found.table()):
            values = {k: Fraction(int(x.p), int(x.q)) for k, x in enumerate(row) if x}
            if values:
                out[i, j] = values
    return out
