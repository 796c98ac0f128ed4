"""Power series over residues: every coefficient is that of the sums which define it."""

import numpy as np
import pytest

from symgauge.domains.residues import ResidueDomain
from symgauge.domains.series import SeriesDomain
from symgauge.exact.prime_field import Array, PrimeField, primes

FIELD = PrimeField(next(primes()))
ORDER, BATCH = 5, 3


def series(rng: np.random.Generator, *shape: int, zero: tuple[int, ...] = ()) -> Array:
    """A random series, some of its coefficients 0."""
    found = FIELD.random(rng, (ORDER, BATCH, *shape))
    found[list(zero)] = 0.0
    return found.reshape(ORDER * BATCH, *shape)


def domain() -> SeriesDomain:
    return SeriesDomain(ResidueDomain(FIELD, 1, BATCH), ORDER, BATCH)


def by_sums(a: Array, b: Array, product: np.ufunc) -> Array:
    """sum a_j b_(k-j), in integers of any size."""
    left, right = (
        x.reshape(ORDER, BATCH, *x.shape[1:]).astype(np.int64).astype(object) for x in (a, b))
    found = [sum(product(left[j], right[k - j]) for j in range(k + 1)) % FIELD.p
             for k in range(ORDER)]
    joined = np.stack(found).astype(np.float64)
    return joined.reshape(ORDER * BATCH, *joined.shape[2:])


@pytest.mark.parametrize("zero", [
    ((), ()), ((1, 2, 3, 4), ()), ((), (0, 2)), ((0, 1, 2, 3, 4), ()),
])
def test_products_are_convolutions(zero: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    rng = np.random.default_rng(0)
    a, b = (series(rng, 2, 2, zero=z) for z in zero)
    assert np.array_equal(domain().mul(a, b), by_sums(a, b, np.multiply))
    assert np.array_equal(domain().matmul(a, b), by_sums(a, b, np.matmul))


def test_functions_hold_their_equations() -> None:
    rng = np.random.default_rng(1)
    here, a = domain(), series(rng, 4, zero=(2,))
    one = here.lift(np.ones((BATCH, 4)))
    assert np.array_equal(here.mul(a, here.reciprocal(a)), one)
    root = here.rsqrt(here.mul(a, a))
    assert np.array_equal(here.mul(root, root), here.reciprocal(here.mul(a, a)))
    assert np.array_equal(here.mul(here.exp(a), here.exp(FIELD.neg(a))), one)
