"""symgauge recipe rotate-stream."""

from __future__ import annotations

import numpy as np

from symgauge.derivers.stage import Stage
from symgauge.families.kinds.so import SO
from symgauge.laws.turning import Mark
from symgauge.program.moves import Address
from symgauge.proof.intertwiners.matrices import prove_matrix
from symgauge.spaces.line import NoLemma
from symgauge.gauges.gauge import Gauge
from symgauge.gauges.recipe import Outcome, Recipe
from symgauge.weights.rotations import hadamard, random_rotation
from symgauge.gauges.symmetries import Symmetries, read_twice


class RotateStream(Recipe):
    """The stream turned by a random Hadamard matrix, or a random rotation where there is none."""

    name = "rotate-stream"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        symmetries, found = gauge.symmetries, Outcome()
        for group in symmetries.families:
            on_stream = {(m.parameter, m.at.axis) for m in group.moves if m.at is not None}
            turns = group.kind is not None and group.kind.covers_discrete and not (
                group.kind.commutes_with_turns)
            if group.kind is not None and turns and on_stream and (
                    on_stream <= set(symmetries.stream)):
                matrix = None if group.kind.fixes_ones else hadamard(group.size, rng)
                words = "a Hadamard matrix with random signs"
                if matrix is None:
                    matrix = random_rotation(group.size, rng, group.kind.fixes_ones)
                    words = "a random rotation"
                    words += " that fixes the vector of ones" if group.kind.fixes_ones else ""
                gauge.act(group, matrix[None])
                found.done.append(f"{', '.join(group.tensors)} by {words}")
        if not found.done:
            found.left.append(_why_not(symmetries))
        return found


def _why_not(symmetries: Symmetries) -> str:
    """What stands in the way of a rotation, as far as the program shows it."""
    if not symmetries.stream:
        return "the program has no stream: no residual sum joins what was computed to what it was"
    stage = Stage(symmetries.found.sliced)
    stays = sorted(
        name for i in stage.gains for name in [stage.names[i]]
        if (name, 0) in symmetries.stream)
    said = "no family of the derived group turns the stream"
    if stays:
        said += f": {', '.join(stays)} multiplies it entry by entry, and no family brings it to 1"
    return f"{said}{read_twice(symmetries)} ({_refusal(stage, symmetries)})"


def _refusal(stage: Stage, symmetries: Symmetries) -> str:
    """The words of the lemma that a rotation of the stream lacks."""
    def shared(root: int) -> int:
        return sum((stage.names[i], a[0]) in symmetries.stream for i, a, _ in stage.met[root])

    places = stage.met[max(stage.met, key=shared)]
    start: dict[int, dict[Address, Mark]] = {}
    for node, address, parity in places:
        start.setdefault(node, {})[address] = Mark(parity * places[0][2], ())
    try:
        prove_matrix(stage.structure, SO, start)
    except NoLemma as reason:
        return f"the proof stops at {reason}"
    return "the stream is no single leg"
