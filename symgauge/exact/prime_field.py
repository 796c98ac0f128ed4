"""GF(p) on numpy arrays: residues are held in float64, so products go through BLAS exactly.

With ``p < 2**26`` a product of residues stays below ``2**52`` and is exact; a matrix product
splits its left factor into 13-bit halves so that every partial sum stays below ``2**52``.
Not for: characteristic above ``2**26``, or fields that are not prime.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import count
from math import gcd, prod

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]

_HALF = 8192.0  # 13 bits
#: Longest inner dimension for which the 13-bit split stays exact: 2**13 * 2**26 * 2**13 = 2**52.
_INNER = 1 << 12
#: Products of entries from which a matrix product is worth several threads.
_LARGE = 1 << 24


def is_prime(n: int) -> bool:
    """Whether n is prime (deterministic Miller-Rabin for n < 3.2e9)."""
    if n < 2:
        return False
    for q in (2, 3, 5, 7):
        if n % q == 0:
            return n == q
    d, s = n - 1, 0
    while d % 2 == 0:
        d, s = d // 2, s + 1
    for a in (2, 3, 5, 7):
        y = pow(a, d, n)
        if y in (1, n - 1):
            continue
        for _ in range(s - 1):
            y = y * y % n
            if y == n - 1:
                break
        else:
            return False
    return True


#: Numbers whose roots are residues for every prime that is used.
ROOTED = (2, 3, 5, 7, 11, 13)
#: Primes that divide no order of a group in which constants have powers.
_SMALL = prod(q for q in range(7, 1000) if is_prime(q))


def is_suitable(n: int) -> bool:
    """Whether n is a prime p = 7 mod 16 with large groups, modulo which small roots exist.

    -1 is no square and the numbers ROOTED are. (p - 1) / 10 and (p + 1) / 24 have no prime factor
    below 1000: in groups of these orders an element has one root of any small degree.
    """
    return (
        n % 16 == 7 and n % 9 in (2, 5) and n % 5 == 1 and n % 25 != 1
        and gcd((n - 1) * (n + 1), _SMALL) == 1 and is_prime(n)
        and all(pow(q, (n - 1) // 2, n) == 1 for q in ROOTED)
    )


@cache
def _prime(number: int) -> int:
    n = (1 << 26) + 7 if number == 0 else _prime(number - 1)
    while True:
        n -= 16
        if n < 1 << 20:
            raise StopIteration
        if is_suitable(n):
            return n


def primes() -> Iterator[int]:
    """The suitable primes below 2**26, from the largest down.

    >>> next(primes()) % 16
    7
    """
    for number in count():
        try:
            yield _prime(number)
        except StopIteration:
            return


@cache
def prime_of_one_product() -> int:
    """The largest suitable prime modulo which elimination takes one float64 product, not two.

    >>> prime_of_one_product()
    3589031
    """
    return next(p for p in range((1 << 22) - 9, 0, -16) if is_suitable(p))


def _exponent(r: Fraction, order: int) -> int:
    """r in a cyclic group: in its subgroup of order prime to 30, where small roots exist once."""
    large = order
    for q in (2, 3, 5):
        while large % q == 0:
            large //= q
    if gcd(r.denominator, large) != 1:
        raise ZeroDivisionError(f"a constant with denominator {r.denominator} has no power here")
    return order // large * (r.numerator * pow(r.denominator, -1, large) % large)


@dataclass(frozen=True)
class PrimeField:
    """Arithmetic modulo a prime p < 2**26 on float64 arrays of residues in [0, p)."""

    p: int

    def reduce(self, x: Array) -> Array:
        """x mod p for exact integers |x| <= 2**52.

        (x + 1/2) / p is at least 1/(2p) > 2**-27 from the next integer and rounded by at most
        2**-28, so its floor is that of x / p.
        """
        q = np.asarray(x + 0.5)
        q /= self.p
        np.floor(q, out=q)
        q *= self.p
        return np.subtract(x, q, out=q)

    def add(self, a: Array, b: Array) -> Array:
        """a + b."""
        s = a + b
        return np.where(s >= self.p, s - self.p, s)

    def sub(self, a: Array, b: Array) -> Array:
        """a - b."""
        d = a - b
        return np.where(d < 0.0, d + self.p, d)

    def neg(self, a: Array) -> Array:
        """-a."""
        return np.where(a == 0.0, 0.0, self.p - a)

    def mul(self, a: Array, b: Array) -> Array:
        """a * b, entrywise with broadcasting."""
        return self.reduce(a * b)

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        """Sum over axes (at most 2**26 terms)."""
        return self.reduce(np.sum(a, axis=axes))

    def matmul(self, a: Array, b: Array) -> Array:
        """Matrix product over the last two axes, with broadcasting of the others."""
        inner = a.shape[-1]
        if inner > _INNER:
            head = self.matmul(a[..., :_INNER], b[..., :_INNER, :])
            return self.add(head, self.matmul(a[..., _INNER:], b[..., _INNER:, :]))
        if inner == 1:
            return self.mul(a, b)
        if inner * (self.p - 1)**2 <= 1 << 52:
            return self.reduce(a @ b)
        # a = 2^13 high + low, so a b = [high low] [2^13 b; b]
        left = np.empty((*a.shape[:-1], 2 * inner))
        high, low = left[..., :inner], left[..., inner:]
        np.multiply(a, 1.0 / _HALF, out=high)
        np.floor(high, out=high)
        np.multiply(high, -_HALF, out=low)
        low += a
        right = np.concatenate([self.reduce(b * _HALF), b], axis=-2)
        if right.size == 2 * inner * b.shape[-1] and a.ndim > 2 and a.size * b.shape[-1] >= _LARGE:
            # one product in place of a batch of them; small ones are best left to one thread
            shape = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
            product = left.reshape(-1, 2 * inner) @ right.reshape(2 * inner, -1)
            return self.reduce(product).reshape(*shape, a.shape[-2], right.shape[-1])
        return self.reduce(left @ right)

    def power(self, a: Array, k: int) -> Array:
        """a**k for k >= 0, four bits of k at a time."""
        if k == 0:
            return np.ones_like(a)
        known = {1: a}

        def small(d: int) -> Array:
            if d not in known:
                half = small(d >> 1)
                square = self.mul(half, half)
                known[d] = self.mul(square, a) if d & 1 else square
            return known[d]

        digits = [int(c, 16) for c in f"{k:x}"]
        result = small(digits[0])
        for d in digits[1:]:
            for _ in range(4):
                result = self.mul(result, result)
            if d:
                result = self.mul(result, small(d))
        return result

    def inverse(self, a: Array) -> Array:
        """1 / a; the value at 0 is 0 (the caller discards such points).

        The inverse of a product gives those of its two factors (Montgomery), so hardly anything
        is inverted.
        """
        zero = a == 0.0
        flat = np.where(zero, 1.0, a).reshape(-1)
        halves: list[tuple[Array, Array, int]] = []
        while flat.size > 64:
            size = flat.size
            if size % 2:
                flat = np.concatenate([np.ones(1), flat])
            low, high = np.split(flat, 2)
            halves.append((low, high, size))
            flat = self.mul(low, high)
        flat = np.array(
            [pow(v, -1, self.p) for v in flat.astype(np.int64).tolist()], dtype=np.float64)
        for low, high, size in reversed(halves):
            both = np.concatenate([self.mul(flat, high), self.mul(flat, low)])
            flat = both[both.size - size:]
        return np.where(zero, 0.0, flat.reshape(a.shape))

    def character(self, a: Array) -> Array:
        """The quadratic character: 1 at squares, -1 at non-squares, 0 at 0."""
        c = self.power(a, (self.p - 1) // 2)
        return np.where(c == self.p - 1.0, -1.0, c)

    def sqrt(self, a: Array) -> Array:
        """The root that is itself a square, where a is a square (p = 3 mod 4)."""
        return self.power(a, (self.p + 1) // 4)

    def residue(self, value: Fraction) -> int:
        """The residue of an exact rational.

        Raises ZeroDivisionError where p divides the denominator.
        """
        if value.denominator == 1:
            return value.numerator % self.p
        d = value.denominator % self.p
        if d == 0:
            raise ZeroDivisionError(f"{self.p} divides the denominator of {value}")
        return value.numerator * pow(d, -1, self.p) % self.p

    def exponential(self, r: Fraction, start: int) -> int:
        """A homomorphism from rationals to residues, r -> g^r, g made of `start`.

        Raises ZeroDivisionError where the order of g divides the denominator of r.
        """
        return pow(start, _exponent(r, self.p - 1), self.p)

    def turned(self, r: Fraction, start: int) -> tuple[int, int]:
        """A homomorphism from rationals to the circle x^2 + y^2 = 1, r -> (x, y).

        It is the power of a point that is made of `start`. Raises ZeroDivisionError where its
        order divides the denominator of r.
        """
        below = pow(start * start + 1, -1, self.p)
        x, y = (1 - start * start) * below % self.p, 2 * start * below % self.p
        found = (1, 0)
        for bit in bin(_exponent(r, self.p + 1))[2:]:
            a, b = found
            found = (a * a - b * b) % self.p, 2 * a * b % self.p
            if bit == "1":
                a, b = found
                found = (a * x - b * y) % self.p, (a * y + b * x) % self.p
        return found

    def random(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
        """Uniform residues."""
        return rng.integers(0, self.p, size=shape).astype(np.float64)
