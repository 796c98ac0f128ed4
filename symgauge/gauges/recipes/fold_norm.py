"""symgauge recipe fold-norm."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from symgauge.gauges.gauge import Gauge, own_move
from symgauge.gauges.recipe import Outcome, Recipe
from symgauge.weights.statement import Group
from symgauge.gauges.symmetries import Symmetries, gains_and_biases, read_twice

#: A gain that is nearer to 1 is 1.
ROUNDING = 2e-15


class FoldNorm(Recipe):
    """Gains of norms to 1 and their biases to 0: what reads them takes them in."""

    name = "fold-norm"

    def act(self, gauge: Gauge, rng: np.random.Generator) -> Outcome:
        found, symmetries = Outcome(), gauge.symmetries
        families = list(_families(symmetries))
        for name, group in families:
            _fold(gauge, group, name, found)
        for name, what in gains_and_biases(symmetries).items():
            if name not in dict(families):
                found.left.append(
                    f"{name}, {what}: no family of the derived group moves it by its own entries "
                    f"alone{read_twice(symmetries)}")
        if not found.done and not found.left:
            found.left.append("no parameter is found that multiplies entry by entry")
        return found


def _families(symmetries: Symmetries) -> Iterator[tuple[str, Group]]:
    """Gains and biases with the family that uses each up, gains first."""
    for name, k in symmetries.slices.items():
        yield name, symmetries.families[k]
    seen = set(symmetries.slices)
    for group in symmetries.families:
        for move in group.moves if not group.via else ():
            # gains of the form u + w
            if move.offset and move.parameter not in seen:
                seen.add(move.parameter)
                yield move.parameter, group


def _fold(gauge: Gauge, group: Group, name: str, found: Outcome) -> None:
    move = own_move(group, name)
    values = None if move is None else gauge.entries(move)
    if move is None or values is None:
        found.left.append(f"{name}: its family moves several of its entries alike")
        return
    if group.kind is not None and group.kind.is_shift:
        gauge.act(group, -values / float(move.weight))
        found.done.append(f"{name} to 0")
        return
    gain = values + float(move.offset)
    if not gain.all():
        found.left.append(f"{name} has {(gain == 0).sum()} entries that no scaling brings to 1")
        return
    if abs(abs(gain) - 1).max() > ROUNDING:
        gauge.act(group, abs(gain) ** (-1 / float(move.weight)))
    value = f"{1 - move.offset}"
    negative = int((gain < 0).sum())
    if not negative:
        found.done.append(f"{name} to {value}")
    elif move.weight.numerator % 2 and gauge.try_to(group, np.sign(gain)):
        found.done.append(f"{name} to {value}, {negative} of its signs too (checked)")
    else:
        found.done.append(
            f"{name} to {value}, {negative} of its entries to {-1 - move.offset}: scalings are "
            "proved for positive numbers")
