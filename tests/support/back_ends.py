"""Matrices over GF(p), and the contracts of rank, row reduction and nullspace on one of them."""

from collections.abc import Callable
from functools import cache

import numpy as np
from sympy.polys.domains import GF
from sympy.polys.matrices import DomainMatrix

from symgauge.exact.linear_algebra import independent_rows, nullspace, rank, row_reduce
from symgauge.exact.prime_field import Array, PrimeField, primes

LARGE = next(primes())


def random_matrix(shape: tuple[int, int], r: int, p: int, seed: int = 0) -> Array:
    """A matrix of rank at most r."""
    rng, field = np.random.default_rng(seed), PrimeField(p)
    return field.matmul(field.random(rng, (shape[0], r)), field.random(rng, (r, shape[1])))


MATRICES: dict[str, Callable[[int], Array]] = {
    "0x3": lambda p: np.zeros((0, 3)),
    "3x0": lambda p: np.zeros((3, 0)),
    "0x0": lambda p: np.zeros((0, 0)),
    "zero": lambda p: np.zeros((2, 3)),
    "one entry": lambda p: np.full((1, 1), p - 1.0),
    "row": lambda p: np.array([[0.0, 2.0, 1.0]]),
    "column": lambda p: np.array([[0.0], [2.0], [1.0]]),
    "identity": lambda p: np.eye(4),
    "wide": lambda p: random_matrix((3, 7), 3, p),
    "tall": lambda p: random_matrix((7, 3), 3, p),
    "low rank": lambda p: random_matrix((6, 6), 2, p),
    "singular mod 7 alone": lambda p: np.array([[1.0, 2.0], [3.0 % p, 13.0 % p]]),
    "repeated rows": lambda p: np.repeat(random_matrix((2, 4), 2, p), 3, axis=0),
    # beyond the rows that are eliminated one by one, at and beside powers of two
    "square": lambda p: random_matrix((70, 70), 70, p),
    "rank 9/10": lambda p: random_matrix((70, 70), 63, p),
    "64 x 65, rank 64": lambda p: random_matrix((64, 65), 64, p),
    "very wide": lambda p: random_matrix((33, 200), 33, p),
    "very tall": lambda p: random_matrix((200, 33), 30, p),
    "duplicate rows apart": lambda p: np.tile(random_matrix((35, 40), 35, p), (3, 1)),
    "zero rows and columns": lambda p: np.kron(
        random_matrix((40, 30), 25, p), np.diag([0.0, 1.0, 0.0])),
    "pivots last": lambda p: np.concatenate(
        [np.zeros((50, 90)), random_matrix((50, 50), 44, p)], axis=1),
    "pivots from the last row up": lambda p: np.flipud(np.triu(random_matrix((70, 70), 70, p))),
    "sparse": lambda p: random_matrix((90, 90), 90, p) * (random_matrix((90, 90), 90, 101) < 3.0),
    "all largest": lambda p: np.triu(np.full((80, 80), p - 1.0)),
}


@cache
def _reference(name: str, p: int) -> tuple[int, list[list[int]]]:
    """Rank and reduced row echelon form by SymPy."""
    matrix = MATRICES[name](p)
    if 0 in matrix.shape:
        return 0, []
    entries = matrix.astype(np.int64).tolist()
    reference = DomainMatrix(entries, matrix.shape, GF(p, symmetric=False)).to_sparse()
    r = int(reference.rank())
    return r, [[int(x) % p for x in row] for row in reference.rref()[0].to_Matrix().tolist()[:r]]


def check_back_end(name: str, p: int, backend: str | None) -> None:
    """Every contract of the facade on one matrix."""
    matrix, field = MATRICES[name](p), PrimeField(p)
    before = matrix.copy()
    rows, columns = matrix.shape
    r, expected = _reference(name, p)
    assert rank(matrix, p, backend) == r
    assert rank(np.ascontiguousarray(matrix.T), p, backend) == r

    form, pivots = row_reduce(matrix, p, backend)
    assert form.shape == (r, columns) and len(pivots) == r
    assert form.tolist() == expected
    assert (form[:, pivots] == np.eye(r)).all()

    kernel = nullspace(matrix, p, backend)
    assert kernel.shape == (columns - r, columns)
    assert kernel.size == 0 or 0.0 <= kernel.min() <= kernel.max() < p
    assert not np.signbit(form).any() and not np.signbit(kernel).any()
    assert rank(kernel, p, "flint") == columns - r
    assert not field.matmul(matrix, np.ascontiguousarray(kernel.T)).any()
    free = [c for c in range(columns) if c not in pivots]
    assert (kernel[:, free] == np.eye(len(free))).all()

    chosen = independent_rows(matrix, p, backend)
    assert len(chosen) == r and rank(matrix[chosen], p, "flint") == r
    growth = [rank(matrix[:i], p, "flint") for i in range(rows + 1)]
    assert chosen == [i for i in range(rows) if growth[i + 1] > growth[i]]
    assert (matrix == before).all()
