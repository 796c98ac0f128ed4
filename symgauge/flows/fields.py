"""Vector fields whose components are SymPy expressions, and the bracket."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import sympy

from symgauge.errors import BadInputError


@dataclass(frozen=True)
class VectorField:
    """X = sum_i X^i d/dx^i. Symbols that are not coordinates (the time, say) are parameters.

    Raises BadInputError where coordinates repeat, are no symbols, or do not match the components.
    """

    coordinates: tuple[Any, ...]
    components: tuple[Any, ...]

    def __post_init__(self) -> None:
        if len(set(self.coordinates)) != len(self.components) or len(self.coordinates) != len(
            self.components
        ):
            raise BadInputError(
                f"a vector field has one component for each coordinate: {len(self.components)} "
                f"components on ({', '.join(map(str, self.coordinates))})"
            )
        wrong = [c for c in self.coordinates if not isinstance(c, sympy.Symbol)]
        if wrong:
            raise BadInputError(f"coordinates are symbols, and {wrong[0]} is none")
        object.__setattr__(self, "components", tuple(map(sympy.sympify, self.components)))

    def along(self, e: Any) -> Any:
        """X e = sum_i X^i de/dx^i."""
        pairs = zip(self.components, self.coordinates, strict=True)
        return sympy.Add(*(c * sympy.diff(e, x) for c, x in pairs))

    def map(self, function: Callable[[Any], Any]) -> VectorField:
        """The field with `function` of each component."""
        return VectorField(self.coordinates, tuple(function(c) for c in self.components))

    def diff(self, symbol: Any) -> VectorField:
        """The derivative of the components, by the time or another parameter."""
        return self.map(lambda c: sympy.diff(c, symbol))

    def __add__(self, other: VectorField) -> VectorField:
        _same(self, other)
        pairs = zip(self.components, other.components, strict=True)
        return VectorField(self.coordinates, tuple(a + b for a, b in pairs))

    def __sub__(self, other: VectorField) -> VectorField:
        return self + (-1) * other

    def __neg__(self) -> VectorField:
        return (-1) * self

    def __rmul__(self, factor: Any) -> VectorField:
        return self.map(lambda c: sympy.sympify(factor) * c)


@dataclass(frozen=True)
class Spacetime:
    """The time t and the coordinates x of space, with names for general fields on them."""

    time: Any
    space: tuple[Any, ...]

    @property
    def coordinates(self) -> tuple[Any, ...]:
        """(t, x_1, ..., x_n)."""
        return (self.time, *self.space)

    def scalar(self, name: str) -> Any:
        """An undefined function of (t, x)."""
        return sympy.Function(name)(*self.coordinates)

    def field(self, name: str) -> VectorField:
        """The general time-dependent field on space: n undefined functions of (t, x)."""
        indices = [f"{name}{i + 1}" for i in range(len(self.space))]
        names = indices if len(indices) > 1 else [name]
        return VectorField(self.space, tuple(map(self.scalar, names)))

    def vector(self, time_part: Any, space_part: VectorField) -> VectorField:
        """The field (time_part, space_part) on spacetime."""
        return VectorField(self.coordinates, (time_part, *space_part.components))

    def total_derivative(self, f: VectorField, e: Any) -> Any:
        """D_f e = de/dt + f.grad e, the derivative along dx/dt = f(t, x)."""
        return sympy.diff(e, self.time) + f.along(e)


def spacetime(n: int) -> Spacetime:
    """(t, x) for n = 1, else (t, x_1, ..., x_n), real symbols.

    >>> spacetime(2).field("f").components
    (f1(t, x1, x2), f2(t, x1, x2))
    """
    if n < 1:
        raise BadInputError(f"space has at least one dimension, not {n}")
    names = [f"x{i + 1}" for i in range(n)] if n > 1 else ["x"]
    t, *x = sympy.symbols(["t", *names], real=True)
    return Spacetime(t, tuple(x))


def _same(x: VectorField, y: VectorField) -> None:
    if x.coordinates != y.coordinates:
        raise BadInputError(
            f"the fields live on ({', '.join(map(str, x.coordinates))}) and on "
            f"({', '.join(map(str, y.coordinates))}); write both in the same coordinates"
        )


def bracket(x: VectorField, y: VectorField) -> VectorField:
    """[X, Y] = X.grad Y - Y.grad X; a parameter such as the time is not differentiated.

    >>> x = sympy.Symbol("x")
    >>> shift, scaling = VectorField((x,), (1,)), VectorField((x,), (x,))
    >>> bracket(shift, scaling) == shift
    True
    """
    _same(x, y)
    pairs = zip(x.components, y.components, strict=True)
    return VectorField(x.coordinates, tuple(x.along(b) - y.along(a) for a, b in pairs))


def lie_derivative(xi: VectorField, f: VectorField) -> VectorField:
    """L_xi f = [xi, f], the rate of f dragged along xi."""
    return bracket(xi, f)
