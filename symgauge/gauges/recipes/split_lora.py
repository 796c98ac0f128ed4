"""symgauge recipe split-lora."""

from __future__ import annotations

import numpy as np

from symgauge.gauges.balance import balancing
from symgauge.gauges.gauge import Gauge, sides
from symgauge.gauges.recipe import Outcome, Recipe


class SplitLora(Recipe):
    """A product of two factors split evenly: orthogonal factors, each with half of the spectrum."""

    name = "split-lora"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        found = Outcome()
        for group in gauge.symmetries.families:
            up, down = sides(group)
            whole = group.kind is not None and group.kind.contains_scalars and (
                not group.kind.commutes_with_turns)
            if not whole or group.copies or group.via or (len(up), len(down)) != (1, 1):
                continue
            matrix = balancing(gauge.rows(up[0])[0], gauge.rows(down[0])[0])
            if matrix is None:
                found.left.append(f"{', '.join(group.tensors)}: the factors are not of full rank")
                continue
            gauge.act(group, matrix[None])
            found.done.append(", ".join(group.tensors))
        if not found.done and not found.left:
            found.left.append(
                "no family of the derived group changes the basis between two matrices alone")
        return found
