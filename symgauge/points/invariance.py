"""Whether maps of parameters leave the function as it is, at random exact points over GF(p).

That is evidence, not proof. Maps that leave it so are a group, and a product of random elements
of several groups is outside of a subgroup that does not hold them all with probability 1/2 at
least. So many maps are looked at together: RANDOM products pass where one of them does not hold
with probability 2^-RANDOM at most.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.errors import UndecidedError
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.cells import balanced_shadow, branch_patterns, draw_reals
from symgauge.points.draw import Point
from symgauge.points.inputs import residue_inputs
from symgauge.points.roots import root_plan, settle_roots
from symgauge.points.rows import evaluate_at
from symgauge.program.lower import germ_of, is_piecewise
from symgauge.program.network import Network

POINTS = 12
#: Sizes of the parameters on whose cells what holds is looked at: rare branches are taken at some.
SIZES = (1.0, 4.0, 16.0)
#: Points with all their roots at which it has to hold, and how often POINTS of them are drawn.
ENOUGH, DRAWS = 8, 12
#: Random products that stand for many maps.
RANDOM = 24

#: A map of parameter vectors (points, coordinates), given how its number system negates.
Action = Callable[[Array, Callable[[Array], Array]], Array]
#: Coordinates that change sign.
Flip = npt.NDArray[np.int64]
#: One row of coordinates for each index of a leg, at each place of it: its indices are permuted.
Permuted = Sequence[npt.NDArray[np.int64]]


class Invariance:
    """The tests of one network, on the same cells."""

    def __init__(self, network: Network, field: PrimeField, rng: np.random.Generator) -> None:
        self._network, self._field, self._rng = network, field, rng
        self._shadows = _shadows(network, rng)

    def flips(self, flips: Sequence[Flip]) -> bool:
        """Whether each of these changes of sign holds."""
        return self._all([_flipped([f]) for f in flips], lambda rows: _products(
            flips, self._rng.random((rows, len(flips))) < 0.5))

    def permutations(self, legs: Sequence[Permuted]) -> bool:
        """Whether all permutations of the indices of each leg hold."""
        single = [_reordered([(leg, order)]) for leg in legs for order in _generators(len(leg[0]))]

        def drawn(rows: int) -> Action:
            orders = [[self._rng.permutation(len(leg[0])) for leg in legs] for _ in range(rows)]
            return _row_by_row([
                _reordered(list(zip(legs, own, strict=True))) for own in orders])

        return self._all(single, drawn)

    def with_flips(self, cases: Sequence[Sequence[Flip]]) -> list[int]:
        """The cases, by number, all of whose changes of sign hold."""
        ones = [
            _products(c, (self._rng.random((1, len(c))) < 0.5) | (len(c) == 1)) for c in cases]
        return self._holding(cases, self.flips, ones)

    def with_permutations(self, cases: Sequence[Permuted]) -> list[int]:
        """The legs, by number, whose indices may be permuted."""
        ones = [_reordered([(leg, self._rng.permutation(len(leg[0])))]) for leg in cases]
        return self._holding([[leg] for leg in cases], self.permutations, ones)

    def _holding(
        self, cases: Sequence[Sequence[Any]], together: Callable[[Sequence[Any]], bool],
        ones: Sequence[Action],
    ) -> list[int]:
        """The cases that hold; `ones`: an element of each, that may refute it at a point."""
        left = list(range(len(cases)))
        if len(cases) > 1 and not is_piecewise(self._network):
            with contextlib.suppress(UndecidedError):
                same, valid = self._compared(_row_by_row(ones), self._shadows[0], len(ones))
                left = [k for k in left if same[k] or not valid[k]]
        return holding(left, lambda ks: together([x for k in ks for x in cases[k]]))

    def _all(self, single: Sequence[Action], drawn: Callable[[int], Action]) -> bool:
        """Whether all hold: one by one, or random products, `drawn` for so many points."""
        piecewise = is_piecewise(self._network)
        if len(single) <= (RANDOM if piecewise else 1):
            return all(self.holds(act) for act in single)
        if piecewise:  # the parameters whose cell it is are moved as all points are
            return all(self.holds(drawn(1)) for _ in range(RANDOM))
        return self.holds(drawn(POINTS), lambda: drawn(POINTS), RANDOM)

    def holds(
        self, act: Action, again: Callable[[], Action] | None = None, enough: int = ENOUGH
    ) -> bool:
        """f(act(theta), x) = f(theta, x) at `enough` random exact points, on the same cells.

        With branches, on cells of several sizes: on one cell a unit may be dead that is moved.
        `again`: what is looked at from the second draw on.
        """
        seen, shadows = 0, self._shadows
        for k in range(DRAWS * enough // ENOUGH):
            if k >= len(shadows) and seen >= enough:
                break
            try:
                same, valid = self._compared(
                    again() if k and again else act, shadows[k % len(shadows)])
            except UndecidedError:
                continue  # no branch is decided there
            if not same[valid].all():
                return False
            seen += int(valid.sum())
        return seen >= enough

    def _compared(
        self, act: Action, shadow: Mapping[str, Array], count: int = POINTS
    ) -> tuple[npt.NDArray[np.bool_], npt.NDArray[np.bool_]]:
        """Whether the values are the same, at points of one cell; and which have their roots."""
        network, field, rng = self._network, self._field, self._rng
        salt = int(rng.integers(1 << 62))
        parameters = {p.name: field.random(rng, (count, *p.shape)) for p in network.parameters}
        inputs = residue_inputs(network, field, rng, count)
        seed = int(rng.integers(1 << 62))
        patterns = branch_patterns(network, shadow, np.random.default_rng(seed + 1), count)
        moved = patterns
        if is_piecewise(network):
            there = _split(network, act(_join(network, shadow), np.negative))
            moved = branch_patterns(network, there, np.random.default_rng(seed + 1), count)
        plan = root_plan(network, field, True)
        point = Point(salt, parameters, inputs, patterns)
        settle_roots(germ_of(network), field, rng, plan, point)
        theta = _join(network, parameters)
        before, after = (_split(network, t) for t in (theta, act(theta, field.neg)))
        one, d1 = evaluate_at(network, field, salt, before, inputs, patterns, plan.twisted)
        two, d2 = evaluate_at(network, field, salt, after, inputs, moved, plan.twisted)
        same = np.ones(count, dtype=bool)
        for a, b in zip(one, two, strict=True):
            equal = np.broadcast_to(a, (count, *a.shape[1:])) == np.broadcast_to(
                b, (count, *b.shape[1:]))
            same &= equal.reshape(count, -1).all(axis=1)
        return same, np.broadcast_to(d1.valid & d2.valid, (count,))


def holding(cases: Sequence[Any], together: Callable[[Sequence[Any]], bool]) -> list[Any]:
    """The cases that hold, by halves: those that all hold together are not looked at one by one."""
    if not cases or together(cases):
        return list(cases)
    if len(cases) == 1:
        return []
    half = len(cases) // 2
    return holding(cases[:half], together) + holding(cases[half:], together)


def _generators(n: int) -> list[npt.NDArray[np.int64]]:
    """A transposition and the cycle through all n indices, which generate S_n."""
    first, cycle = np.arange(n), np.roll(np.arange(n), 1)
    first[:2] = first[1::-1] if n > 1 else first[:2]
    return [first, cycle] if n > 2 else [first]


def _reordered(orders: Sequence[tuple[Permuted, npt.NDArray[np.int64]]]) -> Action:
    def act(theta: Array, negate: Callable[[Array], Array]) -> Array:
        out = theta.copy()
        # one after another: a tensor may carry the leg on two axes
        for places, order in orders:
            for index in places:
                out[:, index] = out[:, index[order]]
        return out

    return act


def _row_by_row(acts: Sequence[Action]) -> Action:
    """One map for each point; the first where there is one point."""
    def act(theta: Array, negate: Callable[[Array], Array]) -> Array:
        if len(acts) == 1:
            return acts[0](theta, negate)
        return np.concatenate([
            one(row[None], negate) for one, row in zip(acts, theta, strict=True)])

    return act


def _products(flips: Sequence[Flip], chosen: npt.NDArray[np.bool_]) -> Action:
    """For each point the product of the changes of sign that are chosen for it."""
    return _row_by_row([
        _flipped([f for f, one in zip(flips, row, strict=True) if one]) for row in chosen])


def _flipped(flips: Sequence[Flip]) -> Action:
    def act(theta: Array, negate: Callable[[Array], Array]) -> Array:
        times = np.bincount(
            np.concatenate([*flips, np.zeros(0, dtype=np.int64)]), minlength=theta.shape[1])
        at, out = np.flatnonzero(times % 2), theta.copy()
        out[:, at] = negate(out[:, at])
        return out

    return act


def _split(network: Network, theta: Array) -> Mapping[str, Array]:
    out, start = {}, 0
    for p in network.parameters:
        out[p.name] = theta[:, start:start + p.size].reshape(len(theta), *p.shape)
        start += p.size
    return out


def _join(network: Network, parameters: Mapping[str, Array]) -> Array:
    return np.concatenate(
        [parameters[p.name].reshape(len(parameters[p.name]), -1) for p in network.parameters],
        axis=1,
    )


def _shadows(network: Network, rng: np.random.Generator) -> list[Mapping[str, Array]]:
    """Parameters on whose cells a symmetry is looked for: small and large ones, a balanced one."""
    if not is_piecewise(network):
        return [draw_reals(network, rng, 1)[0]]
    drawn = [
        {n: size * v for n, v in draw_reals(network, rng, 1)[0].items()} for size in SIZES]
    return [*drawn, balanced_shadow(network, rng)]
