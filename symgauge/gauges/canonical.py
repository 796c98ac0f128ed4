"""A representative of an orbit: gauges of the continuous families, orders and signs of the rest.

In this order: gains and biases of norms are folded; every other family is brought to its gauge
(`settling`), over and over until none moves; what rotates is brought to principal axes; index
spaces are sorted by the sum of squares of each index; signs and angles are fixed by making a fixed
combination of a tensor's rows positive. What has no gauge, or an ambiguous one, is left and named.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgauge.weights.action import Array, rows_of
from symgauge.gauges.gauge import Gauge, HeldGauge
from symgauge.gauges.recipe import Outcome
from symgauge.gauges.recipes import all_recipes
from symgauge.gauges.settling import shifted_first, step_of
from symgauge.gauges.signs import fix_signs
from symgauge.weights.statement import Group
from symgauge.gauges.symmetries import gains_and_biases

#: Steps below it are rounding; so many rounds are taken at most.
SETTLED, ROUNDS = 1e-11, 300
#: A step of this size leads away from any gauge.
AWAY = 1e6
#: Sums of squares of two indices that are nearer than this are not told apart.
APART = 1e-9


def canonical(gauge: Gauge, rng: np.random.Generator) -> Outcome:
    """Bring the weights of a gauge to the representative of their orbit, as far as it is stated."""
    held = HeldGauge(gauge.symmetries, gauge.weights, gauge.trial)
    found = Outcome()
    if gains_and_biases(gauge.symmetries):
        found = all_recipes()["fold-norm"].act(held, rng)
    folded = set(held.symmetries.slices.values())
    rest = [g for k, g in enumerate(held.symmetries.families) if k not in folded]
    turning = [g for g in rest if g.kind is not None and g.kind.orthogonal]
    settled = _settle(held, [g for g in rest if g not in turning], found)
    settled += _settle(held, turning, found)
    _sort(held, found)
    fix_signs(held, settled, found)
    gauge.element = held.element
    return found


def _settle(gauge: HeldGauge, groups: list[Group], found: Outcome) -> list[Group]:
    """Every family to its gauge, in turn, until none moves; those that are there.

    Of families that do not come to rest the weights are brought back, and the others settled.
    """
    while True:
        element, state = gauge.element, dict(gauge.state)
        settling = _Settling(gauge, groups)
        restless = settling.run()
        if not restless:
            break
        gauge.element, gauge.state = element, state
        found.left += [f"{g.label}: it comes to no rest" for g in restless]
        groups = [g for g in groups if all(g is not r for r in restless)]
    found.done += [f"{g.label}: {settling.gauges[k]}" for k, g in enumerate(groups)
                   if k in settling.gauges]
    found.left += [f"{groups[k].label}: {why}" for k, why in settling.left.items()]
    return [g for k, g in enumerate(groups) if k in settling.gauges]


class _Settling:
    """Rounds over families: the gauge of each, by its number, or why it has none."""

    def __init__(self, gauge: HeldGauge, groups: Sequence[Group]) -> None:
        self.gauge, self.groups, self.first = gauge, groups, shifted_first(groups)
        self.gauges: dict[int, str] = {}
        self.left: dict[int, str] = {}

    def run(self) -> list[Group]:
        """Until no family moves; those that still do after so many rounds, or move away."""
        for _ in range(ROUNDS):
            sizes = {
                k: self._take(k, g) for k, g in enumerate(self.groups) if k not in self.left}
            moving = [self.groups[k] for k, size in sizes.items() if not size <= SETTLED]
            if not moving or not max(sizes.values()) < AWAY:
                break
        return moving

    def _take(self, k: int, group: Group) -> float:
        """One family's step, and its size."""
        seen = self.gauge.seen(group)
        step = "a gain that it acts through has an entry 0" if seen is None else (
            step_of(group, seen, self.first.get(k)))
        if isinstance(step, str):
            self.left[k] = step
            self.gauges.pop(k, None)
            return 0.0
        self.gauges[k] = step.gauge
        if step.size > SETTLED and np.isfinite(step.values).all():
            self.gauge.act(group, step.values)
        return step.size


def _sort(gauge: HeldGauge, found: Outcome) -> None:
    """Index spaces in falling order of the sum of squares of each index, where the function stays.

    What is not the function's symmetry is no part of the orbit, and is not named.
    """
    for group in gauge.symmetries.orders:
        weights = _weights(gauge, group)
        order = np.argsort(-weights, kind="stable")
        gaps = -np.diff(weights[order])
        still = np.arange(group.size)
        trial = np.roll(still, 1) if (order == still).all() else order
        if not gauge.may(group, np.ones(group.size), trial):
            continue
        names = ", ".join(group.tensors)
        if gaps.min() <= APART * weights.max():
            found.left.append(f"order of the {group.size} indices of {names}: two weigh the same")
            continue
        if trial is order:
            gauge.act(group, np.ones(group.size), order)
        found.done.append(
            f"the {group.size} indices of {names}: in falling order of their sums of squares "
            "(checked)")


def _weights(gauge: HeldGauge, group: Group) -> Array:
    total: Array = np.zeros(group.size)
    for move in group.moves:
        rows = rows_of(gauge.tensor(move.parameter), move)[0]
        total = total + (rows * rows).sum(0)
    return total
