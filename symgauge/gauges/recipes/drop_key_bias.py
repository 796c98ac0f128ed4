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
        ranks = {p.name: len(p.shape) for p in symmetries.network.parameters}
        for group in symmetries.families:
            move = group.moves[0]
            if group.via or len(group.moves) > 1 or move.form != "+c" or (
                    ranks[move.parameter] != 1):
                continue
            values = gauge.entries(move)
            if values is not None:
                gauge.act(group, -values / float(move.weight))
                found.done.append(f"{group.label}, to 0")
        if not found.done:
            found.left.append(
                "no family of the derived group shifts the entries of a bias alone: every bias is "
                "seen by an output")
        return found
