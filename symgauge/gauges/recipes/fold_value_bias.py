"""symgauge recipe fold-value-bias."""

from __future__ import annotations

import numpy as np

from symgauge.gauges.gauge import Gauge
from symgauge.gauges.recipe import Outcome, Recipe


class FoldValueBias(Recipe):
    """Biases of values to 0: the bias behind what reads them takes them in."""

    name = "fold-value-bias"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        symmetries, found = gauge.symmetries, Outcome()
        for k, group in enumerate(symmetries.families):
            added = [m for m in group.moves if m.form == "+c"]
            # biases of norms have a recipe of their own
            own = k not in symmetries.slices.values() and group.kind and group.kind.is_shift
            if not own or group.via or len(added) != 1 or len(group.moves) == 1:
                continue
            if gauge.bring_to_zero(group, added[0]):
                found.done.append(f"{group.label}, the first to 0")
        if not found.done:
            found.left.append(
                "no family of the derived group shifts a bias against one that a matrix carries "
                "it to: there is no such bias, or what lies between does not let it through")
        return found
