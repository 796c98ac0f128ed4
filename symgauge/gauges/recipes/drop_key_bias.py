"""symgauge recipe drop-key-bias."""

from __future__ import annotations

import numpy as np

from symgauge.gauges.gauge import Gauge
from symgauge.gauges.recipe import Outcome, Recipe


class DropKeyBias(Recipe):
    """Biases that no output sees, as those of keys before a softmax, to 0."""

    name = "drop-key-bias"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        symmetries, found = gauge.symmetries, Outcome()
        for group in symmetries.families:
            move = group.moves[0]
            if group.via or len(group.moves) > 1 or move.form != "+c" or (
                    symmetries.ranks[move.parameter] != 1):
                continue
            if gauge.bring_to_zero(group, move):
                found.done.append(f"{group.label}, to 0")
        if not found.done:
            found.left.append(
                "no family of the derived group shifts the entries of a bias alone: every bias is "
                "seen by an output")
        return found
