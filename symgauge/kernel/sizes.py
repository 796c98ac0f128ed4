"""How large the polynomials are that an identity is about: degrees and sums of coefficients.

A value is a quotient: `degree` and `height` (the binary logarithm of the sum of the absolute
values of its integer coefficients) of the numerator over the product of `below`, powers of
atoms, each atom with its own degree and height. All entries of a line are counted with one
denominator, so a sum adds no degree. A function's value is a variable: degree 1, height 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import lcm, log2, prod

import numpy as np

BIT = 1.0


@dataclass(frozen=True)
class Size:
    """See the module. `like` has the shape of the line, and no memory."""

    degree: float
    height: float
    below: Mapping[int, int]
    like: np.ndarray


class Sizes:
    """The domain of sizes."""

    def __init__(self):
        self.atoms: list[tuple[float, float]] = []
        self.largest, self.tallest = 1.0, 0.0

    def atom(self, degree, height):
        self.atoms.append((degree, height))
        return len(self.atoms) - 1

    def total(self, below, k):
        """Degree (k = 0) or height (k = 1) of a product of powers of atoms."""
        return sum(self.atoms[i][k] * e for i, e in below.items())

    def raised(self, x, below):
        """The numerator over a larger denominator."""
        more = {i: e - x.below.get(i, 0) for i, e in below.items()}
        return x.degree + self.total(more, 0), x.height + self.total(more, 1)

    def shape(self, x):
        return x.like.shape

    def zero(self, x):
        return Size(0, 0, {}, x.like)

    def leaf(self, shape):
        return Size(1, 0, {}, np.broadcast_to(np.int8(0), shape))

    def constant(self, table, index):
        like = np.broadcast_to(np.int8(0), (1, *np.shape(index)))
        d = lcm(*(c.denominator for c in table), 1)
        high = log2(max([abs(int(c * d)) for c in table] + [1]))
        return Size(0, high, {self.atom(0, log2(d)): 1} if d > 1 else {}, like)

    def _joined(self, xs, like, terms):
        below = {}
        for x in xs:
            for i, e in x.below.items():
                below[i] = max(e, below.get(i, 0))
        over = [self.raised(x, below) for x in xs]
        return Size(max(d for d, _ in over), max(h for _, h in over) + terms, below, like)

    def _like(self, a, b):
        # entrywise ops join lines of one shape
        if a.like.shape != b.like.shape:
            raise ValueError(f"shapes {a.like.shape} and {b.like.shape}")
        return a.like

    def add(self, a, b):
        return self._joined((a, b), self._like(a, b), BIT)

    def move(self, rule, *xs):
        return self._joined(xs, rule(*(x.like for x in xs)), 0)

    def _times(self, a, b, like, terms):
        below = {i: a.below.get(i, 0) + b.below.get(i, 0) for i in {*a.below, *b.below}}
        return Size(a.degree + b.degree, a.height + b.height + terms, below, like)

    def mul(self, a, b):
        return self._times(a, b, self._like(a, b), 0)

    def matmul(self, a, b):
        left, right = a.like.shape, b.like.shape
        if not 3 <= len(left) == len(right) or left[-1] != right[-2]:
            raise ValueError(f"a product of shapes {left} and {right}")
        lead = np.broadcast_shapes(left[:-2], right[:-2])
        like = np.broadcast_to(np.int8(0), (*lead, left[-2], right[-1]))
        return self._times(a, b, like, log2(left[-1]))

    def scale(self, x, c):
        return self._times(x, self.constant((c,), 0), x.like, 0)

    def shift(self, x, c):
        return self._joined((x, self.constant((c,), 0)), x.like, BIT)

    def sum(self, x, axes):
        count = prod(x.like.shape[a] for a in axes)
        return Size(x.degree, x.height + log2(max(count, 1)), x.below, x.like.sum(axis=axes))

    def reciprocal(self, x):
        # D_i / N_i, over the product of the numerators of all entries
        n = max(x.like.size, 1)
        atom = self.atom(n * x.degree, n * x.height)
        return Size(self.total(x.below, 0) + (n - 1) * x.degree,
                    self.total(x.below, 1) + (n - 1) * x.height, {atom: 1}, x.like)

    def _argument(self, x):
        self.largest = max(self.largest, x.degree + self.total(x.below, 0))
        self.tallest = max(self.tallest, x.height + self.total(x.below, 1))
        return max(x.like.size, 1)

    def _variable(self, x):
        self._argument(x)
        return Size(1, BIT, {}, x.like)

    log = erf = rsqrt = step = gate = floor = _variable

    def exp(self, x):
        # t or 1/t, over the product of the t of all entries
        n = self._argument(x)
        return Size(n + 1, 0, {self.atom(n, 0): 1}, x.like)

    def _circle(self, x):
        # 2 t or 1 - t^2, by 1 + t^2
        n = self._argument(x)
        return Size(2 * n, n, {self.atom(2 * n, n): 1}, x.like)

    sin = cos = _circle

    def erf_slope(self, x):
        return self.mul(self.exp(self.mul(x, x)), self._variable(x))

    def ranking(self, x, count):
        self._argument(x)
        like = np.broadcast_to(np.int8(0), (*x.like.shape[:-1], count, x.like.shape[-1]))
        return Size(1, log2(max(x.like.shape[-1], 2)), {}, like)

    def one_hot(self, x, count):
        self._argument(x)
        return Size(1, 0, {}, np.broadcast_to(np.int8(0), (*x.like.shape, count)))
