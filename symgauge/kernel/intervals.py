"""Real numbers enclosed: (m, r) stands for what lies within r of m, arrays of floats.

Additions, products and square roots are those of IEEE arithmetic, a sum of k products in whatever
order is off by k 2^-52 times the sum of their absolute values at most; every radius is enlarged by
more than its own rounding. exp and log come from Python's `decimal`, which rounds correctly, erf,
sin and cos from alternating series of integers. A branch is taken where no number of its ball
allows the other one; else the point is left out.
"""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

import numpy as np

EPS, TINY = 2.0 ** -52, 2.0 ** -1000
DIGITS = Context(prec=30, Emax=10 ** 6, Emin=-10 ** 6, traps=[])
BITS = 192
ROOT_PI = Fraction(11283791670955125738961589031215451716881012586580, 10 ** 49)


def up(r, count=8):
    """A bound of what `count` roundings have left of a sum of positive terms."""
    return r * (1 + (count + 8) * EPS) + TINY


def enclosed(m, r):
    """A ball; one without a middle, or without a radius, is everything."""
    finite = np.isfinite(m)
    return np.where(finite, m, 0.0), np.where(finite & (r < np.inf), r, np.inf)


def series(c, name):
    """erf (without 2 / sqrt(pi)), sin or cos of a number up to 6, to 2^-90.

    The sum of x^(2n+1) / (n! (2n+1)), x^(2n+1) / (2n+1)!, x^(2n) / (2n)!. Terms alternate: once
    they fall, the last one bounds the rest. A step loses a few units of 2^-192, which later steps
    enlarge by exp(36) < 2^52 at most.
    """
    x, total, n = int(Fraction(c) * (1 << BITS)), 0, 0
    square, power = (x * x) >> BITS, (1 << BITS) if name == "cos" else x
    while abs(power) > 1 or (n * n) << BITS <= square:
        term = power // (2 * n + 1) if name == "erf" else power
        total, n = total + (-term if n % 2 else term), n + 1
        below = {"erf": n, "sin": 2 * n * (2 * n + 1), "cos": 2 * n * (2 * n - 1)}[name]
        power = ((power * square) >> BITS) // below
    return float(Fraction(total, 1 << BITS))


class Intervals:
    """The domain of pairs (m, r); the first axis numbers the points."""

    def __init__(self):
        self.valid, self.branched = True, False

    def ball(self, c):
        """The ball of a rational."""
        m = float(c)
        return m, 0.0 if Fraction(m) == c else abs(m) * EPS + TINY

    def constant(self, table, index):
        values = np.array([self.ball(c) for c in table]).reshape(len(table), 2)
        return values[np.asarray(index)[None], 0], values[np.asarray(index)[None], 1]

    def shape(self, x):
        return x[0].shape

    def zero(self, x):
        return np.zeros_like(x[0]), np.zeros_like(x[0])

    def add(self, a, b):
        m = a[0] + b[0]
        return enclosed(m, up(a[1] + b[1] + EPS * abs(m)))

    def shift(self, x, c):
        return self.add(x, self.ball(c))

    def mul(self, a, b):
        m = a[0] * b[0]
        return enclosed(m, up(abs(a[0]) * b[1] + a[1] * (abs(b[0]) + b[1]) + EPS * abs(m)))

    def scale(self, x, c):
        return self.mul(x, self.ball(c))

    def matmul(self, a, b):
        k = a[0].shape[-1]
        size = abs(b[0])
        r = abs(a[0]) @ (b[1] + (k + 4) * EPS * size) + a[1] @ (size + b[1])
        return enclosed(a[0] @ b[0], up(r, 2 * k) + k * TINY)

    def sum(self, x, axes):
        k = int(np.prod([x[0].shape[a] for a in axes]))
        return enclosed(
            x[0].sum(axis=axes), up((x[1] + (k + 4) * EPS * abs(x[0])).sum(axis=axes), k))

    def move(self, rule, *xs):
        return rule(*(x[0] for x in xs)), rule(*(x[1] for x in xs))

    def demand(self, good):
        """Points where some entry is not decided are left out."""
        self.valid = self.valid & good.reshape(len(good), -1).all(axis=1)

    def reciprocal(self, x):
        room = (abs(x[0]) - x[1]) * (1 - 8 * EPS)
        self.demand(room > TINY)
        m, room = np.where(room > TINY, x[0], 1.0), np.maximum(room, TINY)
        # a product of two large numbers would be infinite: one after the other
        return enclosed(1 / m, up(x[1] / abs(m) / room + 4 * EPS / abs(m)))

    def rsqrt(self, x):
        room = (x[0] - x[1]) * (1 - 8 * EPS)
        self.demand(room > TINY)
        m, room = np.where(room > TINY, x[0], 1.0), np.maximum(room, TINY)
        y = 1 / np.sqrt(m)
        return enclosed(y, up(x[1] / room / (2 * np.sqrt(room)) + 8 * EPS * y))

    def _each(self, rule, x, good):
        self.demand(good)
        flat = np.where(good, x[0], 1.0)
        out = np.array([rule(c) for c in flat.reshape(-1).tolist()], dtype=float)
        return out.reshape(x[0].shape)

    def exp(self, x):
        y = self._each(lambda c: float(DIGITS.exp(Decimal(c))), x, (abs(x[0]) < 500) & (x[1] < 1))
        return enclosed(y, up(2 * x[1] * y + 2 * EPS * y))  # exp(r) - 1 < 2 r

    def log(self, x):
        room = (x[0] - x[1]) * (1 - 8 * EPS)
        y = self._each(lambda c: float(DIGITS.ln(Decimal(c))), x, room > TINY)
        return enclosed(y, up(x[1] / np.maximum(room, TINY) + 2 * EPS * abs(y)))

    def _series(self, name, x):
        y = self._each(lambda c: series(c, name), x, abs(x[0]) <= 6)
        return y, up(x[1] + 4 * EPS * abs(y) + 2.0 ** -90)

    def sin(self, x):
        return self._series("sin", x)

    def cos(self, x):
        return self._series("cos", x)

    def erf(self, x):
        return self.scale(self._series("erf", x), ROOT_PI)

    def erf_slope(self, x):
        return self.scale(self.exp(self.scale(self.mul(x, x), Fraction(-1))), ROOT_PI)

    # -- branches ----------------------------------------------------------------------------

    def _taken(self, pattern, good):
        self.demand(good)
        self.branched = True
        return pattern.astype(float), np.zeros(pattern.shape)

    def step(self, x):
        return self._taken(x[0] > 0, abs(x[0]) > x[1])

    gate = step

    def floor(self, x):
        m = np.floor(x[0])
        return self._taken(m, (x[0] - m > up(x[1])) & (m + 1 - x[0] > up(x[1])))

    def ranking(self, x, count):
        order = np.argsort(-x[0], axis=-1, kind="stable")
        m, r = (np.take_along_axis(c, order, axis=-1) for c in x)
        good = np.ones(m.shape, dtype=bool)
        for k in range(min(count, m.shape[-1] - 1)):
            # apart from all that follow: radii differ, so the next one is not enough
            good[..., k + 1:] &= m[..., k:k + 1] - m[..., k + 1:] > up(
                r[..., k:k + 1] + r[..., k + 1:])
        return self._taken(order[..., :count, None] == np.arange(m.shape[-1]), good)

    def one_hot(self, x, count):
        near = np.rint(x[0])
        return self._taken(near[..., None] == np.arange(count), abs(x[0] - near) + x[1] < 0.25)
