"""float64: for fidelity to the module, for shadow points that pick branches, for tests."""

from __future__ import annotations

from fractions import Fraction
from math import erf as _erf
from math import pi, sqrt

import numpy as np

from symgauge.network.domains.base import Domain
from symgauge.network.op import Array
from symgauge.network.program import Constant

_ERF = np.frompyfunc(_erf, 1, 1)


class RealDomain(Domain):
    """Floating point arithmetic. `branches` records each step's pattern and its least margin."""

    def __init__(self) -> None:
        self.branches: list[Array] = []
        self.margin: Array | None = None

    def constant(self, constant: Constant) -> Array:
        return constant.floats()[None]

    def add(self, a: Array, b: Array) -> Array:
        return a + b

    def mul(self, a: Array, b: Array) -> Array:
        return a * b

    def scale(self, a: Array, factor: Fraction) -> Array:
        return a * float(factor)

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

    def step(self, a: Array) -> Array:
        pattern = (a > 0.0).astype(np.float64)
        self.branches.append(pattern)
        # a branch is decided only where its quantity is clear of 0 compared with its peers
        size = np.maximum(np.abs(a).reshape(len(a), -1).max(axis=1, initial=0.0), 1e-3)
        least = np.abs(a).reshape(len(a), -1).min(axis=1, initial=np.inf) / size
        self.margin = least if self.margin is None else np.minimum(self.margin, least)
        return pattern
