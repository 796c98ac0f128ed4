"""symgauge recipe permute-heads."""

from __future__ import annotations

import numpy as np

from symgauge.gauges.gauge import Gauge
from symgauge.gauges.recipe import Outcome, Recipe


class PermuteHeads(Recipe):
    """Heads in a random order: permutations of what numbers copies, held against the function."""

    name = "permute-heads"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        symmetries, found = gauge.symmetries, Outcome()
        heads = [
            {(t["parameter"], t["axis"], t["start"], t["along"]) for t in leg["touches"]}
            for leg in symmetries.legs if "heads" in leg["name"]]
        for group in symmetries.orders:
            places = {(m.parameter, m.at.axis, m.at.start, m.at.along)
                      for m in group.moves if m.at is not None and not m.part}
            if places not in heads:
                continue
            # another order than the one that is there
            order = rng.permutation(group.size)
            order = np.roll(order, 1) if (order == np.arange(group.size)).all() else order
            if gauge.try_to(group, np.ones(group.size), order):
                found.done.append(
                    f"{', '.join(group.tensors)}: {group.size} heads by {order.tolist()} (checked)")
            else:
                found.left.append(
                    f"{', '.join(group.tensors)}: the outputs change when the {group.size} heads "
                    "are permuted")
        if not found.done and not found.left:
            found.left.append("no index space of the program numbers several heads")
        return found
