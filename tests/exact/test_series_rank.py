"""Ranks over power series: Smith's form, whatever comes first, and how much of the rows is held."""

import tracemalloc

import numpy as np
import pytest

from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import Array, PrimeField, primes
from symgauge.exact.series_rank import BATCH, SeriesRank, series_rank, series_ranks

FIELD = PrimeField(next(primes()))


def product(a: Array, b: Array) -> Array:
    """That of matrices of power series, shapes (order, rows, columns)."""
    out = np.zeros((len(a), a.shape[1], b.shape[2]))
    for i in range(len(a)):
        for j in range(len(a) - i):
            out[i + j] = FIELD.add(out[i + j], FIELD.matmul(a[i], b[j]))
    return out


def diagonal(powers: list[int], order: int, size: int) -> Array:
    out = np.zeros((order, size, size))
    for i, power in enumerate(powers):
        if power < order:
            out[power, i, i] = 1.0
    return out


def made(powers: list[int], order: int, size: int, rows: int, seed: int = 0) -> Array:
    """Rows whose invariant factors are these powers of s, as far as they are seen."""
    rng = np.random.default_rng(seed)
    return product(
        FIELD.random(rng, (order, rows, size)),
        product(diagonal(powers, order, size), FIELD.random(rng, (order, size, size))))


def test_it_counts_invariant_factors() -> None:
    # u diag(1, s, s^3, s^4, 0) v: the first three are decided modulo s^4
    whole = made([0, 1, 3, 4], 4, 5, 5)
    assert series_ranks(whole, FIELD.p) == [1, 2, 2, 3]
    assert series_rank(whole, FIELD.p) == 3
    assert series_rank(whole[:3], FIELD.p) == 2
    assert rank(whole.reshape(4 * 5, 5), FIELD.p) == 5  # the span of coefficients is larger


@pytest.mark.parametrize("step", [1, 7, 64, 400])
def test_batches_make_no_difference(step: int) -> None:
    powers = [0] * 40 + [1] * 90 + [2] * 3 + [4] * 30
    whole, running = made(powers, 5, 200, 260), SeriesRank(200, 5, FIELD.p)
    for start in range(0, 260, step):
        running.add(whole[:, start:start + step])
    assert running.ranks == [40, 130, 133, 133, 163]
    assert running.seen == 260


def test_rows_that_come_late_clear_those_below() -> None:
    """s^2, s and then 1 along the same columns: each comes after those that it has to clear."""
    rng = np.random.default_rng(1)
    order, each, running = 4, 2 * BATCH, SeriesRank(6 * BATCH, 4, FIELD.p)
    columns = FIELD.random(rng, (order, 3 * each, 6 * BATCH))
    powers = [2] * each + [1] * each + [0] * each
    rows = product(diagonal(powers, order, 3 * each), columns)
    for part in np.split(rows, 6, axis=1):
        running.add(part)
    late = running.ranks
    assert late == [each, 2 * each, 3 * each, 3 * each] == series_ranks(rows[:, ::-1], FIELD.p)
    # what is known of those before is known of their combinations with these alone
    running.add(FIELD.reduce(rows[:, :each] + rows[:, each:2 * each] + rows[:, 2 * each:]))
    assert running.ranks == late
    running.add(np.concatenate([np.zeros((1, 1, 6 * BATCH)), rows[:-1, :1]]))
    assert running.ranks == late


def test_a_minor_that_is_zero_is_no_rank() -> None:
    """Rows of rank 70 in 100 columns, many more of them than of these: none of them adds to it."""
    order, rng = 6, np.random.default_rng(2)
    left, right = FIELD.random(rng, (order, 300, 70)), FIELD.random(rng, (order, 70, 100))
    left[0, :, 30:] = 0.0
    assert series_ranks(product(left, right), FIELD.p) == [30] + [70] * 5


def test_rows_are_not_held() -> None:
    """A quarter of the entries of the square at most, four bytes each: an eighth of all rows."""
    order, columns, rng = 6, 512, np.random.default_rng(3)
    running, held = SeriesRank(columns, order, FIELD.p), []
    tracemalloc.start()
    try:
        for _ in range(8):
            running.add(FIELD.random(rng, (order, BATCH, columns)))
            held.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert running.ranks == [columns] * order
    assert max(held) < 0.14 * 8 * order * columns**2
