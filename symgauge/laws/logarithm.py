"""log(s x) = log x + log s, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call, Entrywise
from symgauge.laws.weighing import Scaled, Weighing
from symgauge.spaces.line import Line


class Logarithm(Entrywise):
    """A factor becomes what is added; what is added vanishes."""

    name = "logarithm"
    takes_logarithms = True
    words = ("no lemma", "the factor s becomes log s added", "no lemma")
    forgets = "no factor is left"
    false = ("a factor through log",)

    def scaled(self, weighing: Weighing, line: Line, inputs: list[Scaled]) -> Scaled:
        (given,) = inputs
        weighing.vanish(given.logs.values())
        return Scaled({}, given.weights)

    def samples(self) -> Iterator[Call]:
        yield Call("log", ((2, 3),))
