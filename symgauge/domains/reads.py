"""The Boolean semiring: which coordinates can an output read at all?

Values are 1 where a line is not identically 0, derivatives are 1 where they may differ from 0;
a sum is "or", a product is "and". Nothing cancels, so an entry 0 of the cotangent means that
no output reads the coordinate.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain


class ReadsDomain(Domain):
    """Entries are 0.0 or 1.0."""

    def constant(self, constant: Constant) -> Array:
        table = np.array([float(v != 0) for v in constant.table])
        return table[constant.index][None]

    def add(self, a: Array, b: Array) -> Array:
        return np.maximum(a, b)

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def scale(self, a: Array, factor: Fraction) -> Array:
        return a if factor else np.zeros_like(a)

    def matmul(self, a: Array, b: Array) -> Array:
        out: Array = np.minimum(a @ b, 1.0)
        return out

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        out: Array = a.max(axis=axes, initial=0.0)
        return out

    def reciprocal(self, a: Array) -> Array:
        return np.ones_like(a)

    def rsqrt(self, a: Array) -> Array:
        return np.ones_like(a)

    def exp(self, a: Array) -> Array:
        return np.ones_like(a)

    def log(self, a: Array) -> Array:
        return np.ones_like(a)

    def erf(self, a: Array) -> Array:
        return a

    def erf_slope(self, a: Array) -> Array:
        return np.ones_like(a)

    def sin(self, a: Array) -> Array:
        return a

    def cos(self, a: Array) -> Array:
        return np.ones_like(a)

    def atan(self, a: Array) -> Array:
        return a

    def step(self, a: Array) -> Array:
        return np.ones_like(a)

    def floor(self, a: Array) -> Array:
        return a

    def ranking(self, a: Array, count: int) -> Array:
        return np.ones((*a.shape[:-1], count, a.shape[-1]))

    def one_hot(self, a: Array, count: int) -> Array:
        return np.ones((*a.shape, count))
