"""The homogeneous form of a neural ODE: worldlines dx^mu/ds = v^mu(x) in spacetime, f = v^i/v^0."""

from __future__ import annotations

from typing import Any

from symgauge.errors import BadInputError
from symgauge.flows.fields import Spacetime, VectorField, lie_derivative


def homogeneous(f: VectorField, spacetime: Spacetime) -> VectorField:
    """v = (1, f), whose worldlines are the graphs of the solutions of dx/dt = f(t, x)."""
    return spacetime.vector(1, f)


def inhomogeneous(v: VectorField) -> VectorField:
    """f^i = v^i / v^0 on space; time is the first coordinate.

    Raises BadInputError where v^0 is 0: the worldline is no graph over time.
    """
    head = v.components[0]
    if head == 0:
        raise BadInputError("v^0 is 0: the worldlines are no graphs over the time")
    return VectorField(v.coordinates[1:], tuple(c / head for c in v.components[1:]))


def worldline_variation(v: VectorField, xi: VectorField, sigma: Any) -> VectorField:
    """delta v = [v, xi] + sigma v: a diffeomorphism x + eps xi, and a change of the parameter s."""
    scaled: VectorField = sigma * v
    return scaled - lie_derivative(xi, v)
