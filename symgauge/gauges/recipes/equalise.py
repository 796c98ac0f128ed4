"""symgauge recipe equalise."""

from __future__ import annotations

import numpy as np

from symgauge.gauges.gauge import Gauge
from symgauge.gauges.ranges import equalised, is_between_matrices
from symgauge.gauges.recipe import Outcome, Recipe


class Equalise(Recipe):
    """Cross-layer equalisation: what writes a hidden index and what reads it, of one range."""

    name = "equalise"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        found = Outcome()
        for group in gauge.symmetries.families:
            if group.kind is not None and group.kind.is_scaling and is_between_matrices(
                    group, gauge.symmetries):
                equalised(gauge, group, found)
        if not found.done and not found.left:
            found.left.append(
                "no family of the derived group scales what writes a hidden index against what "
                "reads it: what lies between lets no scaling through")
        return found
