"""symgauge recipe smooth."""

from __future__ import annotations

import numpy as np

from symgauge.gauges.gauge import Gauge
from symgauge.gauges.ranges import equalised, is_between_matrices
from symgauge.gauges.recipe import Outcome, Recipe


class Smooth(Recipe):
    """Scales of values against outputs, of queries against keys, of gated units: equal ranges."""

    name = "smooth"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        found = Outcome()
        for group in gauge.symmetries.families:
            scales = group.kind is not None and (group.kind.is_scaling or (
                group.kind.contains_scalars and not group.kind.commutes_with_turns))
            if scales and is_between_matrices(group, gauge.symmetries):
                equalised(gauge, group, found)
        if not found.done and not found.left:
            found.left.append(
                "no family of the derived group scales an index between two matrices")
        return found
