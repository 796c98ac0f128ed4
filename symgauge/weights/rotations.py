"""Rotations that are made, not fitted: Hadamard matrices and random ones, of determinant 1."""

from __future__ import annotations

from math import prod

import numpy as np
from numpy.typing import NDArray

from symgauge.errors import BadInputError
from symgauge.families.kinds import kind_of
from symgauge.plain import PlainFamily

Array = NDArray[np.float64]


def hadamard(n: int, rng: np.random.Generator) -> Array | None:
    """A Hadamard matrix over n^1/2, its columns with random signs; None where none is known here.

    n = 2^k, or 2^k (q + 1) for a prime q = 3 mod 4 (Sylvester; Paley, J. Math. Phys. 12, 1933).
    """
    core, twice = n, 0
    while not _is_paley(core):
        if core % 2 or core < 2:
            return None
        core, twice = core // 2, twice + 1
    found = _paley(core)
    for _ in range(twice):
        found = np.kron(np.array([[1.0, 1.0], [1.0, -1.0]]), found)
    found = found * rng.choice([-1.0, 1.0], n) / np.sqrt(n)
    return proper(found)


def hadamards(family: PlainFamily, seed: int) -> Array:
    """A Hadamard matrix for each copy of a family's element, copies + [n, n].

    Raises BadInputError where its elements are no matrices, and where none of that size is known.
    """
    element, rng = family["element"], np.random.default_rng(seed)
    n = element["size"]
    found = [hadamard(n, rng) for _ in range(prod(element["copies"]))]
    if not kind_of(element).is_matrix or found[0] is None:
        why = "its elements are numbers"
        if found[0] is None:
            why = f"no Hadamard matrix of size {n} is known here; take random"
        raise BadInputError(f"hadamard is no element of the family {family.get('label')!r}: {why}")
    return np.stack([m for m in found if m is not None]).reshape(*element["copies"], n, n)


def random_rotation(n: int, rng: np.random.Generator, fixes_ones: bool = False) -> Array:
    """Uniform on the rotations of n entries, or on those that fix the vector of ones."""
    m = n - fixes_ones
    q, r = np.linalg.qr(rng.standard_normal((m, m)))
    turned = proper(q * np.sign(np.diag(r)))
    if not fixes_ones:
        return turned
    basis = with_ones_first(n)
    whole = np.eye(n)
    whole[1:, 1:] = turned
    found: Array = basis @ whole @ basis.T
    return found


def with_ones_first(n: int) -> Array:
    """An orthonormal basis, as columns, whose first vector is that of ones."""
    found: Array = np.linalg.qr(np.column_stack([np.ones(n), np.eye(n)[:, 1:]]))[0]
    return found


def proper(matrix: Array) -> Array:
    """The matrix, a column negated where its determinant is negative."""
    if len(matrix) and np.linalg.slogdet(matrix)[0] < 0:
        matrix = matrix.copy()
        matrix[:, 0] *= -1
    return matrix


def _is_paley(n: int) -> bool:
    q = n - 1
    return n in (1, 2) or q % 4 == 3 and all(q % k for k in range(2, int(q ** 0.5) + 1))


def _paley(n: int) -> Array:
    """1 + S, with S skew and of the quadratic characters of differences modulo n - 1."""
    if n <= 2:
        return np.array([[1.0, 1.0], [1.0, -1.0]])[:n, :n]
    q = n - 1
    squares = np.isin(np.arange(q), np.arange(q) ** 2 % q)
    character = np.where(squares, 1.0, -1.0)
    character[0] = 0
    found = np.zeros((n, n))
    found[0, 1:], found[1:, 0] = 1, -1
    found[1:, 1:] = character[(np.arange(q)[:, None] - np.arange(q)) % q]
    return found + np.eye(n)
