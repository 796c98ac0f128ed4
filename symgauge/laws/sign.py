"""The sign of each entry."""

from __future__ import annotations

from symgauge.exact.polynomial import Monomial, Polynomial
from symgauge.laws.law import Law, aligned_from, one_factor, the_only
from symgauge.laws.turning import Turned, Turning
from symgauge.laws.weighing import Weighing, Weights
from symgauge.program.array import Array
from symgauge.spaces.line import Line
from symgauge.spaces.structure import Structure


class Sign(Law):
    """A factor s > 0 does not change it."""

    name = "sign"
    words = ("no lemma", "forgotten", "no lemma")
    forgets = "an order is not changed by positive factors or a common shift"

    def reordered(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        return the_only(inputs)

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        return {}

    def decides_alike(self, x: Array, dx: Array) -> bool:
        return all(
            one_factor([a], [b]) or len(a) == 1 and _divides(next(iter(a)), b)
            for a, b in zip(x.reshape(-1), dx.reshape(-1), strict=True))

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        return axis if aligned_from(structure, line, source, axis) else None


def _divides(m: Monomial, p: Polynomial) -> bool:
    """Whether every term of p has the symbols of a monomial."""
    return all(all(other.count(s) >= m.count(s) for s in m) for other in p)
