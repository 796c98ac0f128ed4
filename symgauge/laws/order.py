"""The order of the entries along the last axis."""

from __future__ import annotations

import numpy as np

from symgauge.exact.polynomial import add, scale
from symgauge.laws.law import Law, last_axis, one_factor
from symgauge.laws.shifting import Shifted, Shifting, forgotten
from symgauge.laws.weighing import Weighing, Weights
from symgauge.program.array import Array
from symgauge.spaces.line import Line, NoLemma


class Order(Law):
    """A common factor s > 0 and a common shift do not change it."""

    name = "order"
    words = (
        "no lemma", "forgotten, on other legs than the axis",
        "forgotten, where constant along the axis",
    )
    forgets = "an order is not changed by positive factors or a common shift"

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        weighing.off_axes(inputs[0], (last_axis(weighing.structure, line),))
        return {}

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        (given,) = inputs
        if given is None:
            raise NoLemma(f"{line.label} is not affine")
        return forgotten(given, (last_axis(shifting.structure, line),))

    def decides_alike(self, x: Array, dx: Array) -> bool:
        """The differences to the first entry are multiplied by one number."""
        less = np.frompyfunc(lambda a, b: add(a, scale(b, -1)), 2, 1)
        rows = (less(a, a[..., :1]).reshape(-1, a.shape[-1]) for a in (x, dx))
        return all(one_factor(a, b) for a, b in zip(*rows, strict=True))
