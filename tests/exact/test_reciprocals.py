"""Polynomials with reciprocals: 0 is found once denominators are cleared, and nothing else is."""

import pytest
from symgauge.exact.polynomial import Polynomial, Ring, SizeLimit, add, scale


def logistic(ring: Ring, z: Polynomial) -> Polynomial:
    """1 / (1 + z)."""
    return ring.inverse(add({(): 1}, z), 1)


def test_sums_of_reciprocals() -> None:
    """1/(1 + 1/e) + 1/(1 + e) = 1; neither with another sign nor with another e."""
    ring = Ring()
    e, other = ({(ring.symbol(name),): 1} for name in "ef")
    total = add(logistic(ring, ring.inverse(e, 1)), logistic(ring, e))
    assert add(total, {(): -1})
    assert ring.vanishes(add(total, {(): -1}))
    assert not ring.vanishes(add(total, {(): 1}))
    wrong = add(logistic(ring, ring.inverse(e, 1)), logistic(ring, other))
    assert not ring.vanishes(add(wrong, {(): -1}))


def test_powers_and_differences() -> None:
    """1/a - 1/b = (b - a)/(a b), and its square."""
    ring = Ring()
    a, b = ({(ring.symbol(name),): 1} for name in "ab")
    left = add(logistic(ring, a), scale(logistic(ring, b), -1))
    right = ring.mul(
        ring.mul(logistic(ring, a), logistic(ring, b)), add(b, scale(a, -1)))
    assert ring.vanishes(add(left, scale(right, -1)))
    assert ring.vanishes(add(ring.mul(left, left), scale(ring.mul(right, right), -1)))
    assert not ring.vanishes(add(ring.mul(left, left), scale(right, -1)))
    assert ring.vanishes({}) and not ring.vanishes(a)


def test_the_work_is_bounded() -> None:
    ring = Ring()
    total: Polynomial = {(): 1}
    for k in range(12):
        total = add(total, logistic(ring, {(ring.symbol(f"x{k}"),): 1}))
    ring.budget = 1000
    with pytest.raises(SizeLimit):
        ring.vanishes(total)
