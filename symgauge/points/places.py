"""Random exact points at which maps of parameters are seen to leave the function as it is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from symgauge.domains.residues import ResidueDomain
from symgauge.errors import UndecidedError
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.cells import balanced_shadow, branch_patterns, draw_reals
from symgauge.points.draw import Point, Tensors
from symgauge.points.inputs import residue_inputs
from symgauge.points.roots import root_plan, settle_roots
from symgauge.points.rows import Lifted
from symgauge.program.lower import germ_of, is_piecewise, lower
from symgauge.program.network import Network

#: Points of one batch.
POINTS = 12
#: Sizes of the parameters on whose cells what holds is looked at: rare branches are taken at some.
SIZES = (1.0, 4.0, 16.0)
#: Points with all their roots at which it has to hold, and how often POINTS of them are drawn.
ENOUGH, DRAWS = 8, 12

Indices = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Reordering:
    """g.theta: its entries `at` are those of theta at `source`, some of them negated.

    Both are numbers of coordinates, of the same tensor.
    """

    at: Indices
    source: Indices
    negative: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, places: Sequence[Indices], change: Callable[[Indices, Indices], None]) -> Self:
        """One step for each array of coordinates: `change` moves numbers of entries in place.

        A number turns its sign where the entry does. It is asked with all numbers, and with the
        places among them of those coordinates.
        """
        all_places = np.unique(np.concatenate([index.reshape(-1) for index in places]))
        numbers = np.arange(1, len(all_places) + 1)
        for index in places:
            change(numbers, np.searchsorted(all_places, index))
        moved = np.flatnonzero(numbers != np.arange(1, len(all_places) + 1))
        numbers = numbers[moved]
        return cls(all_places[moved], all_places[np.abs(numbers) - 1], numbers < 0)

    def moved(
        self, network: Network, tensors: Tensors, negate: Callable[[Array], Array]
    ) -> dict[str, Array]:
        """The tensors of g.theta that are not those of theta, batch first."""
        names, starts = list(network.offsets), np.array(list(network.offsets.values()))
        own, out = np.searchsorted(starts, self.at, side="right") - 1, {}
        for k in np.unique(own).tolist():
            mine, tensor = own == k, tensors[names[k]]
            flat = tensor.reshape(len(tensor), -1)
            entries, negative = flat[:, self.source[mine] - starts[k]], self.negative[mine]
            if negative.any():
                entries[:, negative] = negate(entries[:, negative])
            changed = flat.copy()
            changed[:, self.at[mine] - starts[k]] = entries
            out[names[k]] = changed.reshape(tensor.shape)
        return out


def _shadows(network: Network, rng: np.random.Generator) -> list[Mapping[str, Array]]:
    """Parameters on whose cells a symmetry is looked for: small and large ones, a balanced one."""
    if not is_piecewise(network):
        return [draw_reals(network, rng, 1)[0]]
    drawn = [
        {n: size * v for n, v in draw_reals(network, rng, 1)[0].items()} for size in SIZES]
    return [*drawn, balanced_shadow(network, rng)]


@dataclass(frozen=True)
class _Batch:
    """POINTS points of one cell and every line there; `seed` draws the inputs of its shadow."""

    shadow: Mapping[str, Array]
    seed: int
    point: Point
    lines: Sequence[Array]
    domain: ResidueDomain


class Places:
    """Random exact points at which every element is looked at, drawn as they are asked for."""

    def __init__(self, network: Network, field: PrimeField, rng: np.random.Generator) -> None:
        self._network, self._field, self._rng = network, field, rng
        self._shadows = _shadows(network, rng)
        self._plan = root_plan(network, field, True)
        self._batches: dict[int, _Batch] = {}

    def hold(self, act: Reordering) -> bool:
        """f(g.theta, x) = f(theta, x) at random exact points, on the same cells.

        With branches, on cells of several sizes: on one cell a unit may be dead that is moved.
        """
        seen = 0
        for k in range(DRAWS):
            if k >= len(self._shadows) and seen >= ENOUGH:
                break
            try:
                same = self._compared(act, self._batch(k))
            except UndecidedError:
                continue  # no branch is decided there
            if not same.all():
                return False
            seen += len(same)
        return seen >= ENOUGH

    def _batch(self, k: int) -> _Batch:
        """The k-th batch, the same for all elements."""
        if k not in self._batches:
            network, field, rng = self._network, self._field, self._rng
            shadow, seed = self._shadows[k % len(self._shadows)], int(rng.integers(1 << 62))
            point = Point(
                int(rng.integers(1 << 62)),
                {p.name: field.random(rng, (POINTS, *p.shape)) for p in network.parameters},
                residue_inputs(network, field, rng, POINTS), self._patterns(shadow, seed))
            settle_roots(germ_of(network), field, rng, self._plan, point)
            domain, lifted = self._lifted(point, point.patterns)
            lines = lifted.values(point.parameters, point.inputs)
            self._batches[k] = _Batch(shadow, seed, point, lines, domain)
        return self._batches[k]

    def _patterns(self, shadow: Mapping[str, Array], seed: int) -> list[Array]:
        return branch_patterns(self._network, shadow, np.random.default_rng(seed), POINTS)

    def _lifted(self, point: Point, patterns: Sequence[Array]) -> tuple[ResidueDomain, Lifted]:
        domain = ResidueDomain(
            self._field, point.salt, POINTS, patterns, self._plan.twisted)
        return domain, Lifted(self._network, domain, POINTS)

    def _compared(self, act: Reordering, batch: _Batch) -> npt.NDArray[np.bool_]:
        """Whether the values are the same, at each point of one cell that has its roots."""
        network, point = self._network, batch.point
        moved = dict(batch.shadow)
        if point.patterns:
            moved |= act.moved(network, batch.shadow, np.negative)
        domain, lifted = self._lifted(point, self._patterns(moved, batch.seed))
        after = act.moved(network, point.parameters, self._field.neg)
        lines = (
            lifted.values({**point.parameters, **after}, point.inputs) if point.patterns
            else lifted.values_after(batch.lines, after))
        same = np.ones(POINTS, dtype=bool)
        for i in lower(network).outputs:
            if lines[i] is batch.lines[i]:
                continue
            a, b = np.broadcast_arrays(batch.lines[i], lines[i])
            # a series counts as one value: its coefficients stand one after another
            equal = (a == b).reshape(-1, POINTS, a[0].size) if len(a) > 1 else np.broadcast_to(
                a == b, (POINTS, *a.shape[1:])).reshape(1, POINTS, -1)
            same &= equal.all(axis=(0, 2))
        valid: npt.NDArray[np.bool_] = np.broadcast_to(
            batch.domain.valid & domain.valid, (POINTS,))
        return same[valid]
