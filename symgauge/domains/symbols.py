"""SymPy expressions: the same program as formulas, for small sizes and for cross-checks."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import sympy

from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain


def _entrywise(function: Callable[[Any], Any]) -> Callable[[Array], Array]:
    lifted = np.frompyfunc(function, 1, 1)

    def apply(a: Array) -> Array:
        out: Array = np.asarray(lifted(a), dtype=object)
        return out

    return apply


def _rational(value: Fraction) -> sympy.Rational:
    return sympy.Rational(value.numerator, value.denominator)


class SymbolDomain(Domain):
    """Object arrays of SymPy expressions, batch of one. Not simplified."""

    def constant(self, constant: Constant) -> Array:
        table = np.array([_rational(v) for v in constant.table], dtype=object)
        # flat: an object array with an index without axes would give the bare entry
        out: Array = table[constant.index.reshape(-1)].reshape(1, *constant.shape)
        return out

    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def scale(self, a: Array, factor: Fraction) -> Array:
        out: Array = a * _rational(factor)
        return out

    def matmul(self, a: Array, b: Array) -> Array:
        out: Array = a @ b
        return out

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        out: Array = np.asarray(a.sum(axis=axes), dtype=object)
        return out

    def reciprocal(self, a: Array) -> Array:
        return _entrywise(lambda v: 1 / v)(a)

    def rsqrt(self, a: Array) -> Array:
        return _entrywise(lambda v: 1 / sympy.sqrt(v))(a)

    def exp(self, a: Array) -> Array:
        return _entrywise(sympy.exp)(a)

    def log(self, a: Array) -> Array:
        return _entrywise(sympy.log)(a)

    def erf(self, a: Array) -> Array:
        return _entrywise(sympy.erf)(a)

    def erf_slope(self, a: Array) -> Array:
        return _entrywise(lambda v: 2 * sympy.exp(-v * v) / sympy.sqrt(sympy.pi))(a)

    def atan(self, a: Array) -> Array:
        return _entrywise(sympy.atan)(a)

    def step(self, a: Array) -> Array:
        return _entrywise(lambda v: sympy.Heaviside(v, 0))(a)

    def sin(self, a: Array) -> Array:
        return _entrywise(sympy.sin)(a)

    def cos(self, a: Array) -> Array:
        return _entrywise(sympy.cos)(a)

    def floor(self, a: Array) -> Array:
        return _entrywise(sympy.floor)(a)

    def ranking(self, a: Array, count: int) -> Array:
        n = a.shape[-1]
        out = np.empty((*a.shape[:-1], count, n), dtype=object)
        for where in np.ndindex(*a.shape[:-1]):
            row = a[where]
            for i in range(n):
                # the rank of an entry is the number of larger ones
                larger = sum(sympy.Heaviside(row[k] - row[i], 0) for k in range(n) if k != i)
                for j in range(count):
                    out[(*where, j, i)] = sympy.KroneckerDelta(larger, j)
        return out

    def one_hot(self, a: Array, count: int) -> Array:
        places = np.array([sympy.Integer(j) for j in range(count)], dtype=object)
        out: Array = np.frompyfunc(sympy.KroneckerDelta, 2, 1)(a[..., None], places)
        return out

    def zeros(self, shape: tuple[int, ...]) -> Array:
        return np.full(shape, sympy.Integer(0), dtype=object)
