"""GF(p): exact evaluation at random points, transcendental values as independent residues.

exp(a) is a pseudo-random residue that depends on the residue of a alone, with exp(0) = 1 and
exp(-a) = 1/exp(a); log and erf likewise (erf odd); cos and sin of one argument are a point of
the circle, cos even, sin odd. What this forgets, and how that is guarded,
is the business of `certify.independence`. Roots are those that are squares themselves; rows
with a radicand that is no square, or with a zero divisor, are marked invalid.

At rational numbers r nothing is forgotten: exp r is g^r and (cos r, sin r) the power P^r of a
point of the circle, for one random g and P. All their relations are those of powers, because
exp(a + i b) of distinct pairs of rationals (a, b) are independent over the algebraic numbers
(Lindemann and Weierstrass). sqrt(r) is s sqrt(m) with r = s^2 m, log r a sum of logarithms of
primes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import numpy as np
import numpy.typing as npt

from symgauge.errors import InconsistentError
from symgauge.exact.prime_field import PrimeField
from symgauge.exact.rational import factors, root_free
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain

_MIX1, _MIX2 = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def _mix(x: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    # the finaliser of the SplitMix64 generator
    x = (x ^ (x >> np.uint64(30))) * _MIX1
    x = (x ^ (x >> np.uint64(27))) * _MIX2
    return x ^ (x >> np.uint64(31))


class ResidueDomain(Domain):
    """Arithmetic in GF(p) with a batch of points.

    `branches` are the patterns that a shadow point took at the steps, in order of evaluation;
    `valid` tells which rows met no zero divisor and no radicand without a root.
    With `twisted`, y^2 v = -1 is taken where v has no root (v = -1 times a square): such rows
    stay valid, and what they show rests on a hypothesis.
    """

    def __init__(
        self, field: PrimeField, salt: int, batch: int, branches: Sequence[Array] = (),
        twisted: bool = False,
    ) -> None:
        self.twisted = twisted
        #: For each root in order of evaluation, which entries have none: (batch, entries).
        self.missing_roots: list[Array] = []
        self.field = field
        self.p = field.p
        self.salt = np.uint64(salt % (1 << 63))
        self.valid: npt.NDArray[np.bool_] = np.ones(batch, dtype=bool)
        self._branches: Iterator[Array] = iter(branches)

    def vanishes(self, a: Array) -> bool:
        return not a.any()

    def constant(self, constant: Constant) -> Array:
        table = np.array([self.field.residue(v) for v in constant.table], dtype=np.float64)
        return table[constant.index][None]

    def at(self, function: str, argument: Constant) -> Array:
        """The function's value at each rational, as said above."""
        if function == "rsqrt":
            return self._roots(argument)
        if function in ("erf", "atan"):
            return super().at(function, argument)
        found = [self.at_rational(function, r) for r in argument.table]
        return np.array(found, dtype=np.float64)[argument.index][None]

    def at_rational(self, function: str, r: Fraction) -> int:
        """exp, log, sin or cos of a rational."""
        start = int(self._hash(np.zeros(1), {"exp": 6, "log": 8}.get(function, 7))[0])
        if function == "exp":
            return self.field.exponential(r, start)
        if function == "log":
            if r <= 0:
                self._mark(np.ones((1, 1)))
                return 0
            logs = self._hash(np.array([q % self.p for q in factors(r)], dtype=np.float64), 8)
            return sum(e * int(v) for e, v in zip(factors(r).values(), logs, strict=True)) % self.p
        return self.field.turned(r, start)[function == "sin"]

    def _roots(self, argument: Constant) -> Array:
        """r**(-1/2) = m**(-1/2) / s for r = s^2 m."""
        values, missing = [], []
        for r in argument.table:
            s, m = root_free(r) if r > 0 else (Fraction(1), 0)
            root = self.field.sqrt(np.array(float(m % self.p)))
            found = self.field.mul(root, root) == m % self.p
            missing.append(not found or r <= 0)
            values.append(self.scale(self.field.inverse(root), 1 / s).item())
        absent = np.array(missing)[argument.index][None]
        self.missing_roots.append(absent.reshape(1, -1))
        if not self.twisted or any(r <= 0 for r in argument.table):
            self._mark(absent)
        return np.array(values)[argument.index][None]

    def add(self, a: Array, b: Array) -> Array:
        return self.field.add(a, b)

    def mul(self, a: Array, b: Array) -> Array:
        return self.field.mul(a, b)

    def scale(self, a: Array, factor: Fraction) -> Array:
        if factor == -1:
            return self.field.neg(a)
        return self.field.mul(a, np.array(self.field.residue(factor), dtype=np.float64))

    def matmul(self, a: Array, b: Array) -> Array:
        return self.field.matmul(a, b)

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        return self.field.sum(a, axes)

    def _mark(self, bad: Array) -> None:
        rows = bad.reshape(len(bad), -1)
        self.valid = self.valid & ~rows.any(axis=1)

    def reciprocal(self, a: Array) -> Array:
        self._mark(a == 0.0)
        return self.field.inverse(a)

    def rsqrt(self, a: Array) -> Array:
        root = self.field.sqrt(a)
        missing = self.field.mul(root, root) != a
        self._mark(a == 0.0)
        self.missing_roots.append(missing.reshape(len(a), -1))
        if not self.twisted:
            self._mark(missing)
        return self.field.inverse(root)

    def rsqrt_slope(self, a: Array, y: Array) -> Array:
        if not self.twisted:
            return super().rsqrt_slope(a, y)
        # -y / (2 a) is the derivative on both branches, y^2 a = 1 and y^2 a = -1
        return self.scale(self.mul(y, self.field.inverse(a)), Fraction(-1, 2))

    def _hash(self, a: Array, kind: int) -> Array:
        start = np.uint64((int(_GOLDEN) * kind + int(self.salt)) % (1 << 64))
        key = a.astype(np.uint64) + start
        mixed = _mix(_mix(key * _GOLDEN + np.uint64(kind)))
        return (mixed % np.uint64(self.p - 1)).astype(np.float64) + 1.0

    def exp(self, a: Array) -> Array:
        low = a <= self.p // 2
        value = self._hash(np.where(low, a, self.p - a), 1)
        value = np.where(low, value, self.field.inverse(value)) if not low.all() else value
        return np.where(a == 0.0, 1.0, value)

    def log(self, a: Array) -> Array:
        self._mark(a == 0.0)
        return np.where(a == 1.0, 0.0, self._hash(a, 2))

    def erf(self, a: Array) -> Array:
        return self._odd(a, 3)

    def _odd(self, a: Array, kind: int) -> Array:
        low = a <= self.p // 2
        value = self._hash(np.where(low, a, self.p - a), kind)
        return np.where(a == 0.0, 0.0, np.where(low, value, self.field.neg(value)))

    def erf_slope(self, a: Array) -> Array:
        # 2 / sqrt(pi) is transcendental: one fixed random residue stands for it
        constant = self._hash(np.zeros(1), 4)[0]
        return self.field.mul(self.exp(self.field.neg(self.field.mul(a, a))), constant)

    def _circle(self, a: Array) -> tuple[Array, Array, Array]:
        # (1 - t^2, 2 t) / (1 + t^2): -1 is no square, so the denominator is never 0
        low = a <= self.p // 2
        t = self._hash(np.where(low, a, self.p - a), 5)
        square = self.field.mul(t, t)
        return t, square, self.field.inverse(self.field.add(square, np.ones_like(a)))

    def sin(self, a: Array) -> Array:
        t, _, inverse = self._circle(a)
        value = self.field.mul(self.field.add(t, t), inverse)
        value = np.where(a <= self.p // 2, value, self.field.neg(value))
        return np.where(a == 0.0, 0.0, value)

    def cos(self, a: Array) -> Array:
        _, square, inverse = self._circle(a)
        value = self.field.mul(self.field.sub(np.ones_like(a), square), inverse)
        return np.where(a == 0.0, 1.0, value)

    def atan(self, a: Array) -> Array:
        return self._odd(a, 9)

    def step(self, a: Array) -> Array:
        return self._decided()

    def floor(self, a: Array) -> Array:
        return np.mod(self._decided(), float(self.p))

    def ranking(self, a: Array, count: int) -> Array:
        return self._decided()

    def one_hot(self, a: Array, count: int) -> Array:
        return self._decided()

    def _decided(self) -> Array:
        try:
            pattern = next(self._branches)
        except StopIteration:
            raise InconsistentError("a branch was met that no shadow point decided") from None
        return pattern

    def power(self, a: Array, k: int) -> Array:
        return self.field.power(a, k)
