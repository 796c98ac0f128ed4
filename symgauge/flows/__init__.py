"""Symbolic calculus on spacetime (t, x): fields, brackets, diffeomorphisms, worldlines, flows.

Components are SymPy expressions in the coordinates, undefined functions included: what is computed
with them holds for all functions. Nothing here decides whether two expressions are equal; that is
done by the steps of a theorem. Knows no network.
"""

from symgauge.flows.diffeomorphisms import (
    Diffeomorphism,
    pushforward,
    pushforward_along,
    pushforward_at_image,
)
from symgauge.flows.exponential import FlowMap, flow, lie_series
from symgauge.flows.fields import Spacetime, VectorField, bracket, lie_derivative, spacetime
from symgauge.flows.jets import Jet, at, prolong
from symgauge.flows.variations import field_bracket, spacetime_variation, variation
from symgauge.flows.worldlines import homogeneous, inhomogeneous, worldline_variation

__all__ = [
    "Diffeomorphism",
    "FlowMap",
    "Jet",
    "Spacetime",
    "VectorField",
    "at",
    "bracket",
    "field_bracket",
    "flow",
    "homogeneous",
    "inhomogeneous",
    "lie_derivative",
    "lie_series",
    "prolong",
    "pushforward",
    "pushforward_along",
    "pushforward_at_image",
    "spacetime",
    "spacetime_variation",
    "variation",
    "worldline_variation",
]
