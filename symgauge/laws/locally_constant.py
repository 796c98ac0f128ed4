"""What branches decided, from rows of zeros and ones."""

from __future__ import annotations

from symgauge.laws.law import Law, last_axis
from symgauge.laws.weighing import Weighing, Weights
from symgauge.spaces.line import Line


class LocallyConstant(Law):
    """A common factor s > 0 of a row does not change it."""

    name = "locally constant"
    words = ("no lemma", "forgotten, on other legs than the axis", "no lemma")
    forgets = "an order is not changed by positive factors or a common shift"

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        weighing.off_axes(inputs[0], (last_axis(weighing.structure, line),))
        return {}
