"""Real balls: values with rigorous error bounds, branches decided where a ball excludes 0.

Nothing is assumed of transcendental values or roots: they are themselves. Parameters and inputs
are balls of positive radius, so what is exactly 0 is 0 on a neighbourhood (a unit that is off, a
padded entry) and decides like its neighbours; all else that holds 0 decides nothing (`Undecided`).
Outside the domain of a root, a logarithm or a division the value is no number, and stays none.
"""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from symgauge.exact import balls
from symgauge.exact.balls import Undecided
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain

_EXP, _LOG, _ERF = (balls.entrywise(f) for f in ("exp", "log", "erf"))
_FLOOR = balls.entrywise("floor")
_SIN, _COS, _ATAN, _RSQRT = (balls.entrywise(f) for f in ("sin", "cos", "atan", "rsqrt"))
_ZERO, _ONE = Fraction(0), Fraction(1)


class BallDomain(Domain):
    """Object arrays of balls, with the precision of the enclosing `exact.balls.precision`."""

    def __init__(self) -> None:
        self._constants: dict[int, tuple[Constant, Array]] = {}

    def constant(self, constant: Constant) -> Array:
        known = self._constants.get(id(constant))
        if known is None:
            constant.require_values()
            table = balls.balls(constant.table)
            # flat: an object array with an index without axes would give the bare entry
            array = table[constant.index.reshape(-1)].reshape(1, *constant.shape)
            known = self._constants[id(constant)] = (constant, array)
        return known[1]

    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def scale(self, a: Array, factor: Fraction) -> Array:
        if factor == -1:
            return -a
        out: Array = a * balls.ball(factor)
        return out

    def matmul(self, a: Array, b: Array) -> Array:
        return balls.matmul(a, b)

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        out: Array = np.asarray(a.sum(axis=axes), dtype=object)
        # a sum of no terms is the number 0 of Python
        return out if a.size else self.zeros(out.shape)

    def reciprocal(self, a: Array) -> Array:
        out: Array = balls.ball(_ONE) / a
        return out

    def rsqrt(self, a: Array) -> Array:
        return _RSQRT(a)

    def exp(self, a: Array) -> Array:
        return _EXP(a)

    def log(self, a: Array) -> Array:
        return _LOG(a)

    def erf(self, a: Array) -> Array:
        return _ERF(a)

    def erf_slope(self, a: Array) -> Array:
        return balls.erf_slope(a)

    def sin(self, a: Array) -> Array:
        return _SIN(a)

    def cos(self, a: Array) -> Array:
        return _COS(a)

    def atan(self, a: Array) -> Array:
        return _ATAN(a)

    def step(self, a: Array) -> Array:
        on = np.frompyfunc(lambda x: balls.sign(x) > 0, 1, 1)(a)
        return self._pattern(np.asarray(on, dtype=bool))

    def floor(self, a: Array) -> Array:
        whole = np.frompyfunc(balls.integer, 1, 1)(_FLOOR(a))
        return self._pattern(np.asarray(whole, dtype=np.int64))

    def ranking(self, a: Array, count: int) -> Array:
        n = a.shape[-1]
        flat = a.reshape(-1, n)
        pattern = np.zeros((len(flat), count, n), dtype=bool)
        orders = np.argsort(-balls.midpoints(flat), axis=-1, kind="stable")
        for row, order, places in zip(flat, orders, pattern, strict=True):
            for j in range(count):
                # the last one that counts must exceed all that follow, not the next alone
                rest = order[j + 1:] if j == count - 1 else order[j + 1:j + 2]
                # one entry at two places (a padded one) is equal to itself
                others = [row[i] for i in rest if row[i] is not row[order[j]]]
                if any(balls.sign(row[order[j]] - other) < 0 for other in others):
                    raise Undecided("the order of balls is not that of their midpoints")
                places[j, order[j]] = True
        return self._pattern(pattern.reshape(*a.shape[:-1], count, n))

    def one_hot(self, a: Array, count: int) -> Array:
        whole = np.asarray(np.frompyfunc(balls.integer, 1, 1)(a), dtype=np.int64)
        return self._pattern(whole[..., None] == np.arange(count))

    def _pattern(self, pattern: Array) -> Array:
        numbers, index = np.unique(pattern.astype(np.int64), return_inverse=True)
        table = balls.balls(tuple(Fraction(n) for n in numbers.tolist()))
        out: Array = table[index.reshape(-1)].reshape(pattern.shape)
        return out

    def zeros(self, shape: tuple[int, ...]) -> Array:
        return balls.zeros(shape)
