"""Numbers modulo a prime, for identities: values of functions are free.

The value of a function is a random residue, the same for equal arguments. What vanishes there is 0
as an expression in independent variables, so it is 0 at the true values.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction

import numpy as np

from .reading import NotRead


def random_prime(rng, low=1 << 30):
    """A random prime between low and 2 low; by the Miller-Rabin test, exact below 3.2e9."""
    while True:
        n = int(rng.integers(low, 2 * low)) | 1
        d, s = n - 1, 0
        while d % 2 == 0:
            d, s = d // 2, s + 1
        for a in (2, 3, 5, 7):
            x = pow(a, d, n)
            if x not in (1, n - 1) and not any(
                    (x := x * x % n) == n - 1 for _ in range(s - 1)):
                break
        else:
            return n


def residue(c, p):
    """A rational modulo p. Raises ZeroDivisionError where it has none."""
    if c.denominator % p == 0:
        raise ZeroDivisionError("a denominator is 0 modulo the prime")
    return c.numerator * pow(c.denominator, -1, p) % p


class Free:
    """The domain of residues; functions are random ones, the same for arguments that are equal.

    The first axis numbers the points (or has length 1); tangents have one more in front.
    Two entries are equal where they are at all `points` of the batch. Relations that are kept:
    values at 0 (log: at 1), erf and sin odd, cos even, exp(-a) = 1/exp(a), places of a ranking sum
    to 1, and step(-a) = 1 - step(a) for the steps that multiply what is 0 where a is (`gate`).
    `classes` is a digest of which arguments were equal: it must be that of every prime.
    """

    def __init__(self, p, rng, points):
        self.p, self.rng, self.points = p, rng, points
        self.valid, self.tables, self.arguments = True, {}, 0
        self.classes = hashlib.sha256()

    def constant(self, table, index):
        return np.array([residue(c, self.p) for c in table], dtype=np.int64)[index][None]

    def shape(self, x):
        return x.shape

    def zero(self, x):
        return np.zeros_like(x)

    def add(self, a, b):
        return (a + b) % self.p

    def mul(self, a, b):
        return a * b % self.p

    def scale(self, x, c):
        return x * residue(c, self.p) % self.p

    def shift(self, x, c):
        return (x + residue(c, self.p)) % self.p

    def sum(self, x, axes):
        return x.sum(axis=axes) % self.p

    def move(self, rule, *xs):
        return rule(*xs)

    def matmul(self, a, b):
        # thirds of 31 bits: sums of products stay below 2^53, where floats are exact
        if a.shape[-1] > 1 << 11:
            raise NotRead(f"a contraction over {a.shape[-1]} entries")
        right, out = b.astype(np.float64), 0
        for at in (22, 11, 0):
            part = np.matmul(((a >> at) & 2047).astype(np.float64), right).astype(np.int64)
            out = ((out << 11) + part % self.p) % self.p
        return out

    def demand(self, good):
        """Points (the first axis) where some entry is bad are none."""
        self.valid = self.valid & good.reshape(len(good), -1).all(axis=1)

    def reciprocal(self, x):
        self.demand(x != 0)
        out, base, k = np.ones_like(x), x, self.p - 2
        while k:
            out = out * base % self.p if k & 1 else out
            base, k = base * base % self.p, k >> 1
        return out

    def _values(self, name, x, count=1, odd=True, last=False):
        """Random residues for classes of entries (or of last axes), and which are 0 or negated."""
        a = x if len(x) == self.points else np.repeat(x, self.points, axis=0)
        shape = a.shape[:-1] if last else a.shape
        width = a.shape[-1] if last else 1
        flat = a.reshape(self.points, -1, width).transpose(1, 0, 2).reshape(-1, self.points * width)
        self.arguments += len(flat)
        zero = ~flat.any(axis=1)
        high = odd & (flat[:, 0] > self.p // 2)
        flat = np.ascontiguousarray(np.where(high[:, None], (self.p - flat) % self.p, flat))
        table, rows = self.tables.setdefault((name, count, width), {}), []
        same = []
        for row, sign in zip(flat, np.broadcast_to(high, len(flat)).tolist()):
            key = row.tobytes()
            if key not in table:
                table[key] = len(table), sign, self.rng.integers(1, self.p, (self.points, count))
            number, first, value = table[key]
            same.append(2 * number + (sign != first))
            rows.append(value)
        self.classes.update(np.array(same, dtype=np.int64).tobytes() + zero.tobytes())
        values = np.array(rows).reshape(-1, self.points, count).transpose(1, 0, 2)
        size = (count,) if count > 1 or last else ()
        one = (*shape[1:], *(1 for _ in size))
        return values.reshape(*shape, *size), high.reshape(one), zero.reshape(one)

    def exp(self, x):
        t, high, zero = self._values("exp", x)
        return np.where(zero, 1, np.where(high, self.reciprocal(t), t))

    def log(self, x):
        t, _, one = self._values("log", self.shift(x, Fraction(-1)), odd=False)
        self.demand(x != 0)
        return np.where(one, 0, t)

    def erf(self, x):
        t, high, zero = self._values("erf", x)
        return np.where(zero, 0, np.where(high, self.p - t, t))

    def erf_slope(self, x):
        # 2 / sqrt(pi) exp(-x^2)
        start = self.tables.setdefault("slope", self.rng.integers(1, self.p, self.points))
        e = self.exp(self.scale(self.mul(x, x), Fraction(-1)))
        return e * start.reshape(-1, *(1,) * (e.ndim - 1)) % self.p

    def _circle(self, x):
        # (1 - t^2, 2 t) / (1 + t^2) is a random point of the circle
        t, high, zero = self._values("circle", x)
        square = t * t % self.p
        inverse = self.reciprocal((1 + square) % self.p)
        s, c = 2 * t * inverse % self.p, (1 - square) * inverse % self.p
        return np.where(zero, 0, np.where(high, self.p - s, s)), np.where(zero, 1, c)

    def sin(self, x):
        return self._circle(x)[0]

    def cos(self, x):
        return self._circle(x)[1]

    def rsqrt(self, x):
        # y is free: y' = -y a' / (2 a) asks for no y^2 a = 1
        self.demand(x != 0)
        return self._values("rsqrt", x, odd=False)[0]

    def gate(self, x):
        # a step that multiplies what is 0 where x is: where x is 0, its value is of no matter
        t, high, zero = self._values("gate", x)
        return np.where(zero, 0, np.where(high, (1 - t) % self.p, t))

    def step(self, x, name="step"):
        t, _, zero = self._values(name, x, odd=False)
        return np.where(zero, 0, t)

    def floor(self, x):
        return self.step(x, "floor")

    def ranking(self, x, count):
        n = x.shape[-1]
        t = self._values("ranking", x, count * n, odd=False, last=True)[0]
        t = t.reshape(*t.shape[:-1], count, n)
        last = (1 - t[..., :-1].sum(axis=-1, keepdims=True)) % self.p
        return np.concatenate([t[..., :-1], last], axis=-1)

    def one_hot(self, x, count):
        t = self._values("one_hot", x, count, odd=False)[0]
        return t if count > 1 else t[..., None]
