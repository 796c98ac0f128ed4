"""symgauge recipe center-writing."""

from __future__ import annotations

import numpy as np

from symgauge.gauges.gauge import Gauge, constant_along
from symgauge.gauges.recipe import Outcome, Recipe
from symgauge.weights.statement import Group
from symgauge.gauges.symmetries import Symmetries, gains_and_biases


class CenterWriting(Recipe):
    """What is written to the stream loses its mean along it, which no norm lets through."""

    name = "center-writing"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        symmetries, found = gauge.symmetries, Outcome()
        written: list[str] = []
        for group in symmetries.families:
            if not _is_along_the_stream(group, symmetries):
                continue
            move = group.moves[0]
            gauge.act(group, -gauge.means(move) / float(move.weight))
            written.append(move.parameter)
        found.done += dict.fromkeys(written)
        writers = {p for (p, _), writes in symmetries.stream.items() if writes}
        left = sorted(writers - set(written) - set(gains_and_biases(symmetries)))
        if not written:
            found.left.append(
                "no family of the derived group shifts what is written to the stream by one number "
                "for all of its entries: what reads the stream sees its mean"
                if symmetries.stream else "the program has no stream")
        elif left:
            found.left.append(f"{', '.join(left)}: no shift along the stream moves them alone")
        return found


def _is_along_the_stream(group: Group, symmetries: Symmetries) -> bool:
    """Whether it adds to one tensor alone, the same to all entries along the stream."""
    if group.kind is None or not group.kind.is_shift or group.via or len(group.moves) != 1:
        return False
    move = group.moves[0]
    rank = len(next(p.shape for p in symmetries.network.parameters if p.name == move.parameter))
    return move.form == "+c" and any(
        symmetries.stream.get((move.parameter, axis), False)
        for axis in constant_along(move, rank))
