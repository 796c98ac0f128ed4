"""float64: for fidelity to the module, for shadow points that pick branches, for tests."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import erf as _erf
from math import pi, sqrt
from typing import Any

import numpy as np

from symgauge.domains.ties import untied
from symgauge.program.array import Array
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain

_ERF = np.frompyfunc(_erf, 1, 1)


class RealDomain(Domain):
    """Floating point arithmetic. `branches` records each step's pattern and its least margin.

    `extended` takes the widest floats of the machine: a second opinion on branches. Without
    `zero_decides` a quantity that is 0 to the last bit decides nothing. `ties` are those of the
    branching lines in order (`network.ties`), where they are known.
    """

    def __init__(
        self, extended: bool = False, zero_decides: bool = True,
        ties: Sequence[Array | None] = (),
    ) -> None:
        self._ties: Iterator[Array | None] = iter(ties)
        self._zero_decides = zero_decides
        self.branches: list[Array] = []
        self.margin: Array | None = None
        self._extended = extended

    def constant(self, constant: Constant) -> Array:
        if not self._extended:
            return constant.floats()[None]
        table = np.array([self._number(v) for v in constant.table])
        out: Array = table[constant.index][None]
        return out

    def _number(self, value: Fraction) -> Any:
        if not self._extended:
            return float(value)
        # through text: a long integer is not rounded to a double on the way
        return np.longdouble(str(value.numerator)) / np.longdouble(str(value.denominator))

    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def scale(self, a: Array, factor: Fraction) -> Array:
        out: Array = a * self._number(factor)
        return out

    def matmul(self, a: Array, b: Array) -> Array:
        out: Array = a @ b
        return out

    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        out: Array = a.sum(axis=axes)
        return out

    def reciprocal(self, a: Array) -> Array:
        return 1.0 / a

    def rsqrt(self, a: Array) -> Array:
        out: Array = 1.0 / np.sqrt(a)
        return out

    def exp(self, a: Array) -> Array:
        out: Array = np.exp(a)
        return out

    def log(self, a: Array) -> Array:
        out: Array = np.log(a)
        return out

    def erf(self, a: Array) -> Array:
        out: Array = np.asarray(_ERF(a), dtype=np.float64)
        return out

    def erf_slope(self, a: Array) -> Array:
        out: Array = 2.0 / sqrt(pi) * np.exp(-a * a)
        return out

    def sin(self, a: Array) -> Array:
        out: Array = np.sin(a)
        return out

    def cos(self, a: Array) -> Array:
        out: Array = np.cos(a)
        return out

    def atan(self, a: Array) -> Array:
        out: Array = np.arctan(a)
        return out

    def step(self, a: Array) -> Array:
        a = untied(a, next(self._ties, None), 0.0)
        largest = np.abs(a).reshape(len(a), -1).max(axis=1, initial=0.0)
        size = largest.reshape(-1, *(1,) * (a.ndim - 1))
        return self._decide((a > 0.0).astype(np.float64), a, size)

    def floor(self, a: Array) -> Array:
        return self._decide(np.floor(a), a - np.rint(a), np.ones_like(a))

    def ranking(self, a: Array, count: int) -> Array:
        a = untied(a, next(self._ties, None), 0.0)
        order = np.argsort(-a, axis=-1, kind="stable")
        best = np.take_along_axis(a, order, axis=-1)[..., :count + 1]
        # a gap is compared with its own two entries: a masked one is huge
        size = np.maximum(np.abs(best[..., 1:]), np.abs(best[..., :-1]))
        pattern = order[..., :count, None] == np.arange(a.shape[-1])
        return self._decide(pattern.astype(np.float64), np.diff(best, axis=-1), size)

    def one_hot(self, a: Array, count: int) -> Array:
        next(self._ties, None)
        whole = np.rint(a)
        pattern = whole[..., None] == np.arange(count)
        # half an integer away from the next one is as clear as can be
        return self._decide(pattern.astype(np.float64), 0.5 - np.abs(a - whole), np.ones_like(a))

    def _decide(self, pattern: Array, quantity: Array, size: Array) -> Array:
        """Record a pattern that is decided where `quantity` is clear of 0 compared with `size`.

        A quantity that is 0 to the last bit is 0 on the whole cell (a difference of two dead
        units, a padded entry): it decides like its neighbours. At the start of a flow it may
        grow, and `zero_decides` is off.
        """
        self.branches.append(pattern)
        clear = np.abs(quantity) / np.maximum(size, 1e-3)
        if self._zero_decides:
            clear = np.where(quantity == 0.0, np.inf, clear)
        least = clear.reshape(len(clear), -1).min(axis=1, initial=np.inf)
        self.margin = least if self.margin is None else np.minimum(self.margin, least)
        return pattern
