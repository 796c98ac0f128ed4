"""Exact constants: arrays of rationals, and which rational a float is read as."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.errors import CaptureError
from symgauge.program.array import Shape

#: A float is read as this small a fraction where it round-trips, else as its dyadic value.
SMALL_DENOMINATOR = 1000
SHORT_DECIMAL = 6


def without_repeats(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The array with length 1 along axes on which it does not vary: a mask of all heads once.

    >>> without_repeats(np.broadcast_to(np.arange(3), (2, 3))).shape
    (1, 3)
    """
    for axis in range(values.ndim):
        if values.shape[axis] > 1:
            first = values.take([0], axis=axis)
            if values.strides[axis] == 0 or np.array_equal(
                    np.broadcast_to(first, values.shape), values):
                values = first
    return values


def exact_value(value: float) -> Fraction:
    """The rational that a folded float stands for: small fraction, short decimal, else dyadic.

    >>> exact_value(1 / 3), exact_value(1e-5), exact_value(0.5 ** 0.5).denominator
    (Fraction(1, 3), Fraction(1, 100000), 9007199254740992)
    """
    dyadic = Fraction(value)
    small = dyadic.limit_denominator(SMALL_DENOMINATOR)
    if float(small) == value:
        return small
    decimal = Fraction(repr(float(value)))
    digits = len(str(abs(decimal.numerator)).rstrip("0"))
    return decimal if digits <= SHORT_DECIMAL and float(decimal) == value else dyadic


def is_float(value: Fraction) -> bool:
    """Whether a rational is the dyadic value of a float that `exact_value` reads as no other."""
    d = value.denominator
    return d > SMALL_DENOMINATOR and d & (d - 1) == 0 and exact_value(float(value)) == value and (
        len(str(abs(Fraction(repr(float(value))).numerator)).rstrip("0")) > SHORT_DECIMAL)


@dataclass(frozen=True)
class Constant:
    """An array of exact rationals: a table of distinct values and an index array."""

    table: tuple[Fraction, ...]
    index: npt.NDArray[np.int64]
    #: Names a constant of which the shape alone is known (a module read without its values).
    unknown: str = ""

    @staticmethod
    def without_values(name: str, shape: Sequence[int]) -> Constant:
        """A constant of which the shape alone is known: no memory, and asking for it is an error.

        Two of them are the same only if their names are.
        """
        return Constant((), np.broadcast_to(np.int64(0), tuple(shape)), name)

    def require_values(self) -> None:
        """Raise CaptureError where the shape alone is known."""
        if self.unknown:
            raise CaptureError(
                f"the values of a constant of shape {self.shape} are asked for, and the module was "
                "read for its shapes alone; give the buffer, frozen parameter or input its values"
            )

    @staticmethod
    def from_floats(values: npt.NDArray[np.float64]) -> Constant:
        """Each float read by `exact_value`."""
        shape, once = np.shape(values), without_repeats(np.asarray(values))
        distinct, index = np.unique(once.astype(np.float64), return_inverse=True)
        table = tuple(exact_value(v) for v in distinct.tolist())
        return Constant(
            table, np.broadcast_to(index.reshape(once.shape).astype(np.int64), shape))

    @property
    def shape(self) -> Shape:
        """Shape of the array."""
        return tuple(self.index.shape)

    def floats(self) -> npt.NDArray[np.float64]:
        """The nearest floats. Raises CaptureError where the values are not known."""
        self.require_values()
        return np.array([float(v) for v in self.table], dtype=np.float64)[self.index]

    def objects(self) -> npt.NDArray[np.object_]:
        """The exact values as an object array of Fractions."""
        self.require_values()
        out = np.empty(self.shape, dtype=object)
        out.reshape(-1)[:] = [self.table[i] for i in self.index.ravel().tolist()]
        return out

    @cached_property
    def key(self) -> tuple[Any, ...]:
        """A hashable identity."""
        if self.unknown:
            return self.unknown, self.shape
        once = without_repeats(self.index)
        return self.table, self.shape, once.shape, once.tobytes()
