"""Weights under way along their orbit: which elements have acted, and where they led."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgauge.checks import actions
from symgauge.derivation.element import GroupElement, to_numpy
from symgauge.errors import BadInputError
from symgauge.families.family import Move
from symgauge.weights.action import Array, Element, apply, onto_slices, rows_of, touched
from symgauge.weights.moving import Weights
from symgauge.weights.statement import Group
from symgauge.gauges.symmetries import Families, Symmetries
from symgauge.gauges.trial import Trial


class Walk:
    """Weights that elements of these families move, one after the other."""

    def __init__(self, families: Families, weights: Weights, trial: Trial | None = None) -> None:
        self.families, self.weights, self._trial = families, weights, trial
        self.element = GroupElement(families.plain)

    @property
    def trial(self) -> Trial:
        """What tries elements that are not proved; where all are, none need be given."""
        assert self._trial is not None
        return self._trial

    def tensor(self, name: str) -> Array:
        """A tensor as it is by now, in float64. Raises BadInputError where there is none."""
        state = {}
        for n in self.element.reads([name]):
            if n not in self.weights:
                raise BadInputError(f"the weights have no tensor named {n!r}")
            state[n] = to_numpy(self.weights[n]).astype(np.float64)
        return to_numpy(self.element.apply(state, [name])[name])

    def act(self, group: Group, values: Array, order: Array | None = None) -> None:
        """Move by an element: a matrix, numbers s or shifts c for each copy, or an order."""
        self._take(group, Element(group.kind, values, order))

    def try_to(self, group: Group, values: Array, order: Array | None = None) -> bool:
        """Move by what is not proved, if it leaves the function as it is; whether it does."""
        if not self.may(group, values, order):
            return False
        self._take(group, Element(group.kind, values, order))
        return True

    def may(self, group: Group, values: Array, order: Array | None = None) -> bool:
        """Whether an element leaves the function as it is, at the weights as they were given."""
        return self.trial.holds(self._step(group, Element(group.kind, values, order)))

    def _take(self, group: Group, element: Element) -> None:
        self.element = self._step(group, element) @ self.element

    def _step(self, group: Group, element: Element) -> GroupElement:
        part = actions.Part(
            self.families.groups.index(group), "small", element.acting(group.copies))
        return GroupElement(self.element.families, (part,))

    def rows(self, move: Move) -> Array:
        """What a move's place holds by now: (copies, rows, n)."""
        return rows_of(self.tensor(move.parameter), move)

    def entries(self, move: Move) -> Array | None:
        """The entries that a move's numbers meet, (copies, n); None where one meets several."""
        rows = self.rows(move)
        return rows[:, 0] if rows.shape[1] == 1 else None

    def bring_to_zero(self, group: Group, move: Move) -> bool:
        """Shift the entries that a move's numbers meet to 0, where each meets one; whether so."""
        values = self.entries(move)
        if values is None:
            return False
        self.act(group, -values / float(move.weight))
        return True

    def means(self, move: Move) -> Array:
        """The mean of what each number of a move meets, (copies, n)."""
        found: Array = self.rows(move).mean(1)
        return found


class Gauge(Walk):
    """Weights under way, with all that is known of the program's symmetries."""

    def __init__(self, symmetries: Symmetries, weights: Weights, trial: Trial) -> None:
        super().__init__(symmetries, weights, trial)
        self.symmetries = symmetries


class HeldWalk(Walk):
    """Weights under way, held in memory in float64 where they are asked for more than once."""

    def __init__(self, families: Families, weights: Weights, trial: Trial | None = None) -> None:
        super().__init__(families, weights, trial)
        self.state: dict[str, Array] = {}

    def tensor(self, name: str) -> Array:
        if name not in self.state:
            self.state[name] = super().tensor(name)
        return self.state[name]

    def seen(self, group: Group) -> dict[str, Array] | None:
        """What a family moves and reads, on its slices; None where a gain there has an entry 0."""
        state = {n: self.tensor(n).copy() for n in touched(group)}
        return None if onto_slices(state, group.via) is None else state

    def _take(self, group: Group, element: Element) -> None:
        for name in touched(group):
            self.tensor(name)
        super()._take(group, element)
        apply(self.state, group, element)


class HeldGauge(HeldWalk, Gauge):
    """Weights held in memory, with all that is known of the program's symmetries."""

    def __init__(self, symmetries: Symmetries, weights: Weights, trial: Trial) -> None:
        Gauge.__init__(self, symmetries, weights, trial)
        self.state = {}


def own_move(group: Group, parameter: str) -> Move | None:
    """The move of a parameter by its family, where it is the only one; else None."""
    own = [m for m in group.moves if m.parameter == parameter]
    return own[0] if len(own) == 1 else None


def sides(group: Group) -> tuple[list[Move], list[Move]]:
    """The moves by which an element multiplies, and those by which it divides."""
    up = [m for m in group.moves if m.form == "g" or m.form == "s^k" and m.weight > 0]
    down = [m for m in group.moves if m.form == "g^-T" or m.form == "s^k" and m.weight < 0]
    return up, down


def constant_along(move: Move, rank: int) -> Sequence[int]:
    """The axes of a move's tensor along which its numbers do not vary at all."""
    along = [] if move.at is None else [move.at.axis, *move.at.other_axes]
    return [k for k in range(rank) if k not in (*along, *move.part[:1])]
