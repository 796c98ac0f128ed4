"""Weights brought near to others over their orbit: the least sum of squares of the differences.

Family by family, in turn: a matrix by a Gauss-Newton step, a rotation by Procrustes, numbers by
Newton's method, shifts by least squares, an order by an assignment (S. K. Ainsworth, J. Hayase,
S. Srinivasa, Git Re-Basin, ICLR 2023). A step is taken if it lowers the sum, so the distance falls;
where it comes to rest need not be the nearest point of the orbit. It is started twice: from the
weights as they are, and from where the representatives of the two orbits are the same point.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy.linalg import solve_sylvester
from scipy.optimize import linear_sum_assignment

from symgauge.derivation.element import GroupElement, to_numpy
from symgauge.errors import BadInputError
from symgauge.weights.action import (
    Array, Element, State, apply, identity, onto_slices, rows_of, touched,
)
from symgauge.gauges.canonical import canonical
from symgauge.gauges.change import Way
from symgauge.weights.checkpoint import Checkpoint
from symgauge.gauges.gauge import Gauge, HeldGauge
from symgauge.weights.moving import Weights
from symgauge.weights.proposals import proposals
from symgauge.gauges.recipe import Outcome
from symgauge.weights.statement import Group
from symgauge.gauges.symmetries import require_numbers
from symgauge.gauges.trial import Trial
from symgauge.weights.view import View

#: Rounds over the families; by how much of itself the sum of squares has to fall in one, and in a
#: step.
ROUNDS, FALL, GAIN = 200, 1e-4, 1e-9
#: Lengths of a step that are tried.
LENGTHS = (1.0, 0.5, 0.25, 0.1)


def towards(goal: Checkpoint) -> Way:
    """What brings weights near to those of a checkpoint."""
    def way(gauge: Gauge, rng: np.random.Generator) -> Outcome:
        best = _Aligning(_started(gauge, gauge.element), goal, rng)
        before = best.distance()
        other = _Aligning(_started(gauge, _by_representatives(gauge, goal, rng)), goal, rng)
        for one in (best, other):
            one.run()
        if other.distance() < best.distance():
            best = other
        after = best.distance()
        if not after < before:
            return Outcome([], ["no step along a family brings the weights nearer"])
        gauge.element = best.gauge.element
        return Outcome([f"distance {before:.3g} before, {after:.3g} after (of the size of A)"])

    return way


def _started(gauge: Gauge, element: GroupElement) -> HeldGauge:
    held = HeldGauge(gauge.symmetries, gauge.weights, gauge.trial)
    held.element = element
    return held


def _by_representatives(
    gauge: Gauge, goal: Checkpoint, rng: np.random.Generator
) -> GroupElement:
    """To the representative of the orbit, and on as the goal's leads back to the goal."""
    trial = gauge.trial
    weights = Weights(goal)
    with Trial(trial.target, weights, trial.observable, trial.output) as there:
        ends = Gauge(gauge.symmetries, weights, there), Gauge(
            gauge.symmetries, gauge.weights, trial)
        for end in ends:
            canonical(end, rng)
    return ends[0].element.inverse() @ ends[1].element


class _Aligning:
    """An alignment under way."""

    def __init__(self, gauge: HeldGauge, goal: Checkpoint, rng: np.random.Generator) -> None:
        self.gauge, self.rng = gauge, rng
        require_numbers(gauge.symmetries, goal)
        self.goal: dict[str, Array] = {}
        for p in gauge.symmetries.network.parameters:
            if p.name not in goal.shapes:
                raise BadInputError(f"{goal.path} has no tensor named {p.name!r}")
            if goal.shapes.get(p.name) != tuple(p.shape):
                raise BadInputError(
                    f"{goal.path} holds {p.name} of shape "
                    f"{list(goal.shapes[p.name])}, and TARGET's has {list(p.shape)}")
            self.goal[p.name] = to_numpy(goal.tensor(p.name)).astype(np.float64)

    def run(self) -> None:
        """Until the sum of squares no longer falls."""
        symmetries = self.gauge.symmetries
        left = self._squares()
        for _ in range(ROUNDS):
            gain = sum(self._take(g) for g in (*symmetries.orders, *symmetries.families))
            left -= gain
            if gain <= FALL * left:
                break

    def distance(self) -> float:
        """Of all that the program reads, in units of the goal's size."""
        size = sum(float((a * a).sum()) for a in self.goal.values())
        return float(np.sqrt(self._squares() / size)) if size else 0.0

    def _squares(self) -> float:
        return sum(float(((self.gauge.tensor(n) - a) ** 2).sum()) for n, a in self.goal.items())

    def _apart(self, state: Mapping[str, Array], names: Sequence[str]) -> float:
        return sum(float(((state[n] - self.goal[n]) ** 2).sum()) for n in names)

    def _take(self, group: Group) -> float:
        """The best step of one family, if one lowers the sum; by how much."""
        gauge, names = self.gauge, touched(group)
        state: State = {n: gauge.tensor(n) for n in names}
        best, least = None, self._apart(state, names)
        start = least
        for element in self._offers(group, state):
            moved = dict(state)
            with np.errstate(all="ignore"):
                apply(moved, group, element)
            apart = self._apart(moved, names)
            if apart < least * (1 - GAIN):
                best, least = element, apart
        if best is None:
            return 0.0
        if group.kind is not None:
            gauge.act(group, best.values)
        elif not gauge.try_to(group, best.values, best.order):
            return 0.0
        return start - least

    def _offers(self, group: Group, state: State) -> Iterator[Element]:
        if group.kind is None:
            yield from self._orders(group, state)
            return
        here = {n: a.copy() for n, a in state.items()}
        there = {n: self.goal[n].copy() for n in state}
        own = onto_slices(here, group.via)
        if own is None:
            return
        onto_slices(there, group.via, own)
        view = View(group, here, there, dict.fromkeys(state, 0.0), {}, self.rng)
        offers = [e for e, _ in proposals(group.kind, view) if np.isfinite(e.values).all()]
        if group.kind.is_scaling:
            # numbers are proved where they are positive
            offers = [Element(group.kind, abs(e.values)) for e in offers]
        if group.kind.contains_scalars and not group.kind.commutes_with_turns:
            offers += _gauss_newton(group, here, there)
        still = identity(group).values
        for element in offers:
            yield element
            if group.kind.is_vector:
                for t in LENGTHS[1:]:
                    yield Element(group.kind, element.values ** t if group.kind.is_scaling else (
                        still + t * (element.values - still)))

    def _orders(self, group: Group, state: State) -> Iterator[Element]:
        """The order with the largest correlation, with signs where they raise it, and without."""
        total = np.zeros((group.size, group.size))
        for move in group.moves:
            one, two = (rows_of(s[move.parameter], move)[0] for s in (state, self.goal))
            total += one.T @ two
        for matrix in (abs(total), total):
            rows, columns = linear_sum_assignment(-matrix)
            order = np.empty(group.size, dtype=int)
            order[columns] = rows
            signs = np.where(total[order, np.arange(group.size)] < 0, -1.0, 1.0)
            element = Element(None, signs if matrix is not total else np.ones(group.size), order)
            if self.gauge.may(group, element.values, element.order):
                yield element


def _gauss_newton(group: Group, here: State, there: State) -> Iterator[Element]:
    """1 + t X, with X the least squares solution for small X, copy by copy."""
    n = group.size
    steps = []
    for c in range(int(np.prod(group.copies, dtype=int))):
        left, right, rhs = np.zeros((n, n)), np.zeros((n, n)), np.zeros((n, n))
        for move in group.moves:
            b, a = (rows_of(s[move.parameter], move)[c] for s in (here, there))
            if move.form == "g":  # a = b (1 + X)^T
                right += b.T @ b
                rhs += (a - b).T @ b
            else:  # a = b (1 - X)
                left += b.T @ b
                rhs -= b.T @ (a - b)
        ridge = 1e-12 * (np.trace(left) + np.trace(right) + 1e-300) / n * np.eye(n)
        steps.append(solve_sylvester(left + ridge, right + ridge, rhs))
    for t in LENGTHS:
        g = np.eye(n) + t * np.stack(steps)
        # on the sheet of the identity
        if (np.linalg.slogdet(g)[0] > 0).all() and np.linalg.cond(g).max() < 1e8:
            yield Element(group.kind, g)
