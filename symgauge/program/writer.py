"""What ops are written with: the lines that they append, and how they look at earlier ones.

The interface alone: `builder.Builder` collects the lines.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any, Protocol

import numpy as np

from symgauge.errors import CaptureError
from symgauge.program.array import Array, Shape
from symgauge.program.constant import Constant, exact_value, without_repeats
from symgauge.program.leaf import Leaf


@dataclass(frozen=True)
class Value:
    """A line of the program under construction.

    `minus_infinity` marks entries that stand for minus infinity (an attention mask). They hold
    a finite value in the program; the softmax that absorbs them is told to leave them out.
    `kept` is the line that is 1 where a branch keeps the entry, and 0 where it stands for minus
    infinity.
    """

    index: int
    shape: Shape
    minus_infinity: Array | None = None
    kept: int | None = None


class Named(Protocol):
    """An op, of which another may ask the name."""

    @property
    def name(self) -> str:
        """The op's name."""


class Written(Protocol):
    """An earlier line: a leaf, or the op that it applies and to which lines."""

    @property
    def op(self) -> Named | None:
        """The op, or None for a leaf."""

    @property
    def leaf(self) -> Leaf | None:
        """The leaf, or None for an op."""

    @property
    def inputs(self) -> tuple[int, ...]:
        """The lines that the op reads."""

    @property
    def attrs(self) -> Mapping[str, Any]:
        """The op's attributes."""


class Writer(ABC):
    """Appends lines to a program; equal lines are shared, entrywise ops broadcast."""

    @abstractmethod
    def note(self, statement: str) -> None:
        """State how something of the module is read."""

    @abstractmethod
    def leaf(self, leaf: Leaf) -> Value:
        """A parameter, an input or a constant."""

    @abstractmethod
    def apply(self, name: str, *xs: Value, **attrs: Any) -> Value:
        """A node of the named op; shared with an equal earlier one."""

    @abstractmethod
    def node(self, value: Value) -> Written:
        """The line behind a value."""

    @abstractmethod
    def value(self, index: int) -> Value:
        """The value of a line that carries no mark."""

    # -- conveniences --------------------------------------------------------------------------

    def floats(self, values: Any) -> Value:
        """A constant from floats; minus infinity becomes a mark on the value."""
        shape, once = np.shape(values), without_repeats(np.asarray(values))
        array = once.astype(np.float64)
        masked = array < -1e30  # minus infinity, or the most negative float of a short type
        finite = np.where(masked, 0.0, array)
        if not np.isfinite(finite).all():
            raise CaptureError("a constant holds NaN or plus infinity")
        value = self.leaf(Constant.from_floats(np.broadcast_to(finite, shape)))
        if not masked.any():
            return value
        return Value(value.index, value.shape, np.broadcast_to(masked, shape))

    def full(self, value: Fraction | int, shape: Shape) -> Value:
        """A constant array of one value."""
        return self.leaf(Constant((Fraction(value),), np.zeros(shape, dtype=np.int64)))

    def number(self, x: Value | float | int | Fraction) -> Value:
        """A value as it is; a number as a scalar constant."""
        if isinstance(x, Value):
            return x
        if isinstance(x, Fraction):
            return self.full(x, ())
        return self.floats(float(x))

    def reshape(self, x: Value, shape: Shape) -> Value:
        """The entries in row-major order in another shape."""
        return x if x.shape == shape else self.apply("reshape", x, size=shape)

    def broadcast(self, x: Value, shape: Shape) -> Value:
        """Repeat along new and unit axes."""
        if x.shape == shape:
            return x
        x = self.reshape(x, (1,) * (len(shape) - len(x.shape)) + x.shape)
        return x if x.shape == shape else self.apply("expand", x, size=shape)

    def entrywise(self, name: str, *xs: Value | float | int | Fraction, **attrs: Any) -> Value:
        """A node of an entrywise op, its inputs broadcast to one shape."""
        values = [self.number(x) for x in xs]
        try:
            shape = np.broadcast_shapes(*(v.shape for v in values))
        except ValueError as error:
            raise CaptureError(f"{name}: shapes {[v.shape for v in values]} differ") from error
        return self.apply(name, *(self.broadcast(v, shape) for v in values), **attrs)

    def add(self, a: Value | float, b: Value | float | Fraction | int) -> Value:
        """a + b."""
        return self.entrywise("add", a, b)

    def mul(self, a: Value, b: Value) -> Value:
        """a * b."""
        return self.entrywise("mul", a, b)

    def scale(self, a: Value, factor: Fraction | int) -> Value:
        """A rational multiple."""
        return a if factor == 1 else self.apply("scale", a, factor=Fraction(factor))

    def fraction(self, x: float | int | Fraction) -> Fraction:
        """A number given to an op, exactly."""
        return x if isinstance(x, Fraction) else exact_value(float(x))

    def mask(self, x: Any) -> Array | None:
        """A constant mask as a Boolean array, or None where x is no constant."""
        leaf = self.node(x).leaf if isinstance(x, Value) else None
        if not isinstance(leaf, Constant):
            return None
        leaf.require_values()
        once = without_repeats(leaf.index)
        told: Array = np.array([v != 0 for v in leaf.table], dtype=bool)[once]
        return np.broadcast_to(told, leaf.shape)

    def common_shape(self, *values: Value) -> Shape:
        """The shape that broadcasting gives."""
        return tuple(np.broadcast_shapes(*(v.shape for v in values)))

    def sum(self, x: Value, dims: Sequence[int] | int | None, keepdim: bool = False) -> Value:
        """Sum over axes (None or none given: all)."""
        rank = len(x.shape)
        listed = [dims] if isinstance(dims, int) else list(dims or range(rank))
        axes = tuple(sorted({d % max(rank, 1) for d in listed}))
        if not rank:
            return x
        value = self.apply("sum", x, axes=axes)
        kept = tuple(1 if a in axes else n for a, n in enumerate(x.shape))
        return self.reshape(value, kept) if keepdim else value

    def permute(self, x: Value, dims: tuple[int, ...]) -> Value:
        """Axes in another order."""
        return x if dims == tuple(range(len(dims))) else self.apply("permute", x, dims=dims)

    def slice(self, x: Value, axis: int, start: int, stop: int, step: int = 1) -> Value:
        """A range along one axis, taken before a reshape or permutation where that is the same.

        So a packed projection that is viewed as (3, width) and indexed reads as three summands
        of its own axis, and legs need not be unsplit.
        """
        if (start, stop, step) == (0, x.shape[axis], 1):
            return x
        node = self.node(x)
        if node.op is not None and x.minus_infinity is None and step == 1:
            source = self.value(node.inputs[0])
            if node.op.name == "permute":
                inner = self.slice(source, node.attrs["dims"][axis], start, stop)
                return self.permute(inner, node.attrs["dims"])
            if node.op.name == "reshape":
                found = _outermost(source.shape, x.shape, axis)
                if found is not None:
                    a, unit = found
                    inner = self.slice(source, a, start * unit, stop * unit)
                    size = (*x.shape[:axis], stop - start, *x.shape[axis + 1:])
                    return self.reshape(inner, size)
        return self.apply("slice", x, axis=axis, start=start, stop=stop, step=step)

    def reciprocal(self, a: Value) -> Value:
        """1 / a."""
        return self.apply("reciprocal", a)


def _outermost(source: Shape, target: Shape, axis: int) -> tuple[int, int] | None:
    """The source axis whose outermost factor is the target axis, and the size of the rest."""
    before = prod(target[:axis])
    for a in range(len(source)):
        if prod(source[:a]) == before and source[a] > 1 and source[a] % target[axis] == 0:
            unit, inner = source[a] // target[axis], 1
            for n in (*target[axis + 1:], 0):
                if inner == unit:
                    return a, unit
                inner *= n
    return None
