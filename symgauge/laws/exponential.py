"""exp(x + log s) = s exp x, entry by entry."""

from __future__ import annotations

from collections.abc import Iterator

from symgauge.laws.law import Call, Entrywise
from symgauge.laws.weighing import Scaled, Weighing
from symgauge.spaces.line import Line


class Exponential(Entrywise):
    """What is added becomes a factor; factors vanish."""

    name = "exponential"
    takes_logarithms = True
    words = ("no lemma", "weight 0; log s added becomes the factor s", "no lemma")
    forgets = "nothing is added"
    false = ("a factor through exp", "a shift before exp and no factor behind")

    def scaled(self, weighing: Weighing, line: Line, inputs: list[Scaled]) -> Scaled:
        (given,) = inputs
        weighing.vanish(given.weights.values())
        return Scaled(given.logs)

    def samples(self) -> Iterator[Call]:
        yield Call("exp", ((2, 3),))
