"""The larger of two, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call, Entrywise
from symgauge.laws.weighing import Weighing, Weights
from symgauge.spaces.line import Line


class Maximum(Entrywise):
    """max(s x, s y) = s max(x, y) for s > 0."""

    name = "maximum"
    words = ("no lemma", "all alike", "no lemma")

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        return weighing.alike(*weighing.aligned(line, inputs))

    def samples(self) -> Iterator[Call]:
        yield Call("maximum", ((2, 3), (2, 3)))
