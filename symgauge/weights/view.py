"""What a group sees of two states of weights, and how well an element of it does there."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

import numpy as np

from symgauge.checks.runtime.moves import part_of, touched_view, varied
from symgauge.families.family import Move
from symgauge.weights.action import Array, Element, State, relative, rows_of
from symgauge.weights.statement import Group

#: Rows of a place that are looked at while an element is sought, beyond four times its size.
ROWS = 256
#: Decades by which an element must lower the product of errors.
GAIN = 0.5
#: In place of its number: a tensor that is shifted by a contraction.
WHOLE = -1
TINY = 1e-300


class View:
    """What a group sees of two states: the rows of each place, as many as are needed."""

    def __init__(
        self, group: Group, here: State, there: State, tolerance: Mapping[str, float],
        weights: Mapping[str, float], rng: np.random.Generator,
    ) -> None:
        self.group, self.weights = group, weights
        self.here, self.there = here, there
        #: Whether an element is numbers of which each acts on its own index.
        self.by_index = group.kind is not None and group.kind.is_vector
        #: An error below it is none.
        self.floor = {n: tolerance[n] for n in here}
        self._rng = rng
        #: What it does to tensors by itself, one place each.
        self.moves = [m for m in group.moves if not m.reads]

    @cached_property
    def pairs(self) -> list[tuple[Move, Array, Array]]:
        """The rows of each place in both states: of an order, which may be of a whole model's
        stream, only when they are asked for.
        """
        found, group = [], self.group
        for k, move in enumerate(group.moves):
            if move.reads:
                continue
            one, two = (rows_of(s[move.parameter], move) for s in (self.here, self.there))
            most = ROWS + 4 * group.size
            if one.shape[1] > most:
                some = np.sort(self._rng.choice(one.shape[1], most, replace=False))
                one, two = one[:, some], two[:, some]
            one, two = one.astype(np.float64), two.astype(np.float64)
            if group.kind and group.kind.fixes_ones:
                # it fixes the mean, which shifts behind a norm move
                one, two = (a - a.mean(2, keepdims=True) for a in (one, two))
            elif k in group.shifted:
                one, two = (a - a.mean(1, keepdims=True) for a in (one, two))
            found.append((move, one, two))
        return found

    @property
    def _is_line(self) -> bool:
        return self.group.kind is not None and self.group.kind.fixes_sums_of_0

    def error(self, k: int, element: Element) -> Array:
        """The relative error at one place, for each copy or each index."""
        move, one, two = self.pairs[k]
        axes = (1,) if self.by_index else (1, 2)
        if move.form == "s^k":
            u = float(move.offset)
            with np.errstate(all="ignore"):
                moved = (one + u) * element.values[:, None, :] ** float(move.weight) - u
        elif move.form == "+c":
            shift = element.acting(element.values.shape[:1]).shift
            moved = one + float(move.weight) * shift[:, None, :]
        else:
            moved = element.act(move.form, one)
        size = np.maximum(_norm(two, axes), _norm(one, axes))
        error: Array = _norm(moved - two, axes) / np.maximum(size, TINY)
        return error

    def score(self, element: Element) -> Array:
        """Sum of the logarithms of the places' errors, for each copy or each index."""
        total: Array = np.zeros(())
        for k, (move, _, _) in enumerate(self.pairs):
            total = total + self.weights[move.parameter] * _logs(
                self.error(k, element), self.floor[move.parameter])
        whole = [m for m in self.group.moves if m.reads]
        if whole or self._is_line:
            total = total.sum()
        for move in whole:
            error = np.array(self.whole(move, element))
            total = total + self.weights[move.parameter] * _logs(error, self.floor[move.parameter])
        return np.asarray(total)

    def whole(self, move: Move, element: Element) -> float:
        """The relative error of a tensor that is shifted by what another one decides."""
        plain = move.plain()
        here, there = (touched_view(part_of(s, plain), plain)[0] for s in (self.here, self.there))
        added = varied(self.here, plain, element.acting(self.group.copies))
        if move.form == "+Tc":
            added = added.reshape(here.shape)
        return relative(here + added, there)

    def bonus(self, element: Element, k: int | None) -> Array:
        """Decades for an element that explains place k with more equations than unknowns.

        That is no accident: what does not follow there should have moved.
        """
        if k is None:
            return np.zeros(())
        if k == WHOLE:
            sure = any(
                self.whole(m, element) <= self.floor[m.parameter] for m in self.group.moves
                if m.reads
                and part_of(self.here, m.plain()).size > element.values.size)
            return np.asarray(3 * GAIN * sure)
        fits = self.error(k, element) <= self.floor[self.pairs[k][0].parameter]
        whole = self._is_line or any(m.reads for m in self.group.moves)
        return np.asarray((fits.all() if whole else fits) * 3 * GAIN)


def _norm(array: Array, axes: tuple[int, ...]) -> Array:
    found: Array = np.sqrt((array * array).sum(axes))
    return found


def _logs(error: Array, floor: float) -> Array:
    found: Array = np.log10(np.where(np.isfinite(error), np.minimum(error, 1e6), 1e6) + floor)
    return found
