"""How a neural ODE dx/dt = f(t, x) varies under diffeomorphisms, and the bracket on the space of f.

f is a point of a space of fields; xi gives the vector field X_xi[f] on that space.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symgauge.errors import BadInputError
from symgauge.flows.fields import VectorField, lie_derivative
from symgauge.flows.jets import prolong

#: A vector field on the space of fields: f to its variation.
FieldVariation = Callable[[VectorField], VectorField]


def variation(xi: VectorField, f: VectorField, time: Any) -> VectorField:
    """X_xi[f] = d_t xi - L_xi f = d_t xi + f.grad xi - xi.grad f, for y = x + eps xi(t, x)."""
    return xi.diff(time) - lie_derivative(xi, f)


def spacetime_variation(v: VectorField, f: VectorField) -> VectorField:
    """delta f^i = D_f xi^i - f^i D_f zeta - zeta d_t f^i - xi.grad f^i, for v = (zeta, xi).

    v lives on (t, x), time first, and f on x.
    """
    time, *space = v.coordinates
    if tuple(space) != f.coordinates:
        raise BadInputError("v lives on (t, x), time first, and f on the x of the same names")
    zeta = v.components[0]
    xi = VectorField(f.coordinates, v.components[1:])
    slower: VectorField = (zeta.diff(time) + f.along(zeta)) * f
    earlier: VectorField = zeta * f.diff(time)
    return variation(xi, f, time) - slower - earlier


def field_bracket(x: FieldVariation, y: FieldVariation, f: VectorField) -> VectorField:
    """[X, Y][f] = X(Y[f]) - Y(X[f]), X acting on functionals of f by its prolongation.

    The components of f are undefined functions. X and Y may depend on f in any way.
    """

    def varied(e: VectorField, h: VectorField) -> VectorField:
        directions = dict(zip(f.components, h.components, strict=True))
        return e.map(lambda c: prolong(c, directions))

    return varied(y(f), x(f)) - varied(x(f), y(f))
