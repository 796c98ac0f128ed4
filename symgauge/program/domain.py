"""What a number system must offer to evaluate a program. Arrays have a batch axis in front."""

from __future__ import annotations

from abc import ABC, abstractmethod
from fractions import Fraction

import numpy as np

from symgauge.errors import UnsupportedOpError
from symgauge.program.array import Array
from symgauge.program.constant import Constant


class Domain(ABC):
    """Entrywise arithmetic and matrix products; ops are written in these alone."""

    def vanishes(self, a: Array) -> bool:
        """Whether every entry is seen to be 0 at once: what is linear in it need not be made."""
        return False

    @abstractmethod
    def constant(self, constant: Constant) -> Array:
        """The exact constant in this domain, batch of one."""

    def at(self, function: str, argument: Constant) -> Array:
        """A function of one of FUNCTIONS or rsqrt at rational numbers, batch of one."""
        out: Array = getattr(self, function)(self.constant(argument))
        return out

    @abstractmethod
    def add(self, a: Array, b: Array) -> Array:
        """a + b."""

    @abstractmethod
    def mul(self, a: Array, b: Array) -> Array:
        """a * b, entrywise."""

    @abstractmethod
    def scale(self, a: Array, factor: Fraction) -> Array:
        """A rational multiple."""

    @abstractmethod
    def matmul(self, a: Array, b: Array) -> Array:
        """Matrix product over the last two axes."""

    @abstractmethod
    def sum(self, a: Array, axes: tuple[int, ...]) -> Array:
        """Sum over axes, which are dropped."""

    @abstractmethod
    def reciprocal(self, a: Array) -> Array:
        """1 / a."""

    @abstractmethod
    def rsqrt(self, a: Array) -> Array:
        """a to the power -1/2."""

    def rsqrt_slope(self, a: Array, y: Array) -> Array:
        """The derivative of y = a**(-1/2): -y**3 / 2."""
        return self.scale(self.mul(y, self.mul(y, y)), Fraction(-1, 2))

    @abstractmethod
    def exp(self, a: Array) -> Array:
        """exp a."""

    @abstractmethod
    def log(self, a: Array) -> Array:
        """log a."""

    @abstractmethod
    def erf(self, a: Array) -> Array:
        """The error function."""

    @abstractmethod
    def erf_slope(self, a: Array) -> Array:
        """Its derivative, 2 exp(-a^2) / sqrt(pi)."""

    @abstractmethod
    def step(self, a: Array) -> Array:
        """1 where a > 0, else 0; locally constant."""

    def sin(self, a: Array) -> Array:
        """sin a."""
        raise self._missing("sin")

    def cos(self, a: Array) -> Array:
        """cos a."""
        raise self._missing("cos")

    def atan(self, a: Array) -> Array:
        """atan a."""
        raise self._missing("atan")

    def floor(self, a: Array) -> Array:
        """The largest integer not above a; locally constant."""
        raise self._missing("floor")

    def ranking(self, a: Array, count: int) -> Array:
        """Shape (..., count, n): row j is 1 at the j-th largest entry of the last axis, else 0."""
        raise self._missing("ranking")

    def one_hot(self, a: Array, count: int) -> Array:
        """Shape (..., count): 1 where the last index is the locally constant integer a, else 0."""
        raise self._missing("one_hot")

    def _missing(self, function: str) -> UnsupportedOpError:
        return UnsupportedOpError(f"{type(self).__name__} has no rule for {function}")

    def power(self, a: Array, k: int) -> Array:
        """a**k for an integer k >= 1."""
        result = a
        for bit in bin(k)[3:]:
            result = self.mul(result, result)
            if bit == "1":
                result = self.mul(result, a)
        return result

    def zeros(self, shape: tuple[int, ...]) -> Array:
        """Zeros."""
        return np.zeros(shape)

    def one(self, batch: int) -> Array:
        """The number 1, as a batch of scalars."""
        table = Constant((Fraction(1),), np.zeros((batch,), dtype=np.int64))
        out: Array = self.constant(table)[0]
        return out
