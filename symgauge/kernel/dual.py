"""Dual numbers over any domain: a value, and its derivatives along several directions.

A number is (value, tangent); a tangent has the axis of directions in front, or is None for 0.
Each op states its value alone: derivatives follow from the rules of this file.
"""

from __future__ import annotations

from fractions import Fraction


class Dual:
    """The domain of dual numbers over `base`."""

    def __init__(self, base):
        self.base = base

    def shape(self, x):
        return self.base.shape(x[0])

    def constant(self, table, index):
        return self.base.constant(table, index), None

    def _sum(self, *terms):
        total = None
        for t in terms:
            if t is not None:
                total = t if total is None else self.base.add(total, t)
        return total

    def _each(self, rule, x):
        return rule(x[0]), None if x[1] is None else rule(x[1])

    def add(self, a, b):
        return self.base.add(a[0], b[0]), self._sum(a[1], b[1])

    def scale(self, x, factor):
        return self._each(lambda v: self.base.scale(v, factor), x)

    def shift(self, x, c):
        return self.base.shift(x[0], c), x[1]

    def sum(self, x, axes):
        return self._each(lambda v: self.base.sum(v, axes), x)

    def _product(self, rule, a, b):
        left = None if a[1] is None else rule(a[1], b[0])
        right = None if b[1] is None else rule(a[0], b[1])
        return rule(a[0], b[0]), self._sum(left, right)

    def mul(self, a, b):
        return self._product(self.base.mul, a, b)

    def matmul(self, a, b):
        return self._product(self.base.matmul, a, b)

    def move(self, rule, *xs):
        value, d = self.base.move(rule, *(x[0] for x in xs)), None
        if any(x[1] is not None for x in xs):
            d = self.base.move(rule, *(self.base.zero(x[0]) if x[1] is None else x[1] for x in xs))
        return value, d

    def _function(self, x, y, slope):
        return y, None if x[1] is None else self.base.mul(slope(), x[1])

    def reciprocal(self, x):
        y = self.base.reciprocal(x[0])
        return self._function(x, y, lambda: self.base.scale(self.base.mul(y, y), Fraction(-1)))

    def rsqrt(self, x):
        y = self.base.rsqrt(x[0])
        return self._function(x, y, lambda: self.base.scale(
            self.base.mul(y, self.base.reciprocal(x[0])), Fraction(-1, 2)))

    def exp(self, x):
        y = self.base.exp(x[0])
        return self._function(x, y, lambda: y)

    def log(self, x):
        return self._function(x, self.base.log(x[0]), lambda: self.base.reciprocal(x[0]))

    def erf(self, x):
        return self._function(x, self.base.erf(x[0]), lambda: self.base.erf_slope(x[0]))

    def sin(self, x):
        return self._function(x, self.base.sin(x[0]), lambda: self.base.cos(x[0]))

    def cos(self, x):
        return self._function(x, self.base.cos(x[0]), lambda: self.base.scale(
            self.base.sin(x[0]), Fraction(-1)))

    def _constant(name):
        # locally: a generic point is on no jump
        return lambda self, x, *more: (getattr(self.base, name)(x[0], *more), None)

    step, gate, floor, ranking, one_hot = map(
        _constant, ("step", "gate", "floor", "ranking", "one_hot"))
