"""Points of a curve at whose start every radicand is a square (see `series`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.certify.evidence.start import Tables
from symgauge.domains.evaluate import values
from symgauge.domains.leading import LeadingDomain
from symgauge.exact.linear_algebra import rank_gf2
from symgauge.exact.prime_field import PrimeField
from symgauge.points.rows import CHUNK_ENTRIES
from symgauge.program.array import Array
from symgauge.program.lower import lower
from symgauge.program.network import Network

#: An input, an axis of it, and an index there.
Slice = tuple[str, int, int]

#: Draws of a slice beyond the number of radicands; draws at most.
DRAWS, MAX_DRAWS = 40, 1 << 14
#: Rows among which slices are looked for that reach a radicand.
FEW = 8


@dataclass
class Point:
    """One theta, and inputs and branches for each row, residues; settled in place."""

    network: Network
    field: PrimeField
    rng: np.random.Generator
    scaled: frozenset[str]
    tables: Tables
    salt: int
    theta: dict[str, Array]
    inputs: dict[str, Array]
    patterns: list[Array]

    def radicands(
        self, rows: npt.NDArray[np.int64], theta: Mapping[str, Array] | None = None,
        inputs: Mapping[str, Array] | None = None, repeated: int = 1,
    ) -> Array:
        """The radicands at e = 0 at these rows, `repeated` times: (repeated * rows, radicands).

        `theta` and `inputs` take the place of some tensors.
        """
        at = np.tile(rows, repeated)
        domain = LeadingDomain(
            self.field, self.salt, len(at), self.tables, [b[at] for b in self.patterns], True)
        leading = {
            n: np.zeros_like(v) if n in self.scaled else v
            for n, v in {**self.theta, **(theta or {})}.items()
        }
        given = {n: v[at] for n, v in self.inputs.items()} | dict(inputs or {})
        values(self._prefix, domain, leading, given)
        return np.concatenate(domain.radicands, axis=1)

    @cached_property
    def _prefix(self) -> Network:
        """The program up to its last root."""
        lowered = lower(self.network)
        last = lowered.root_lines[-1]
        return Network(lowered.nodes[:last + 1], (last,), lowered.ops)

    def settle(self) -> str:
        """Draw parameters and inputs until every radicand is a square: "" or why that fails."""
        if not lower(self.network).root_lines:
            return ""
        count = len(next(iter(self.inputs.values()))) if self.inputs else 1
        everything = np.arange(count)
        base = self._all(everything)
        free = [x.name for x in lower(self.network).inputs if not x.classes]
        moving = np.zeros(base.shape, dtype=bool)
        if free:
            drawn = {n: self.field.random(self.rng, self.inputs[n].shape) for n in free}
            moving = self._all(everything, drawn) != base
        known = np.isin(base, list(self.tables["rsqrt"]))
        moved = np.asarray(moving.any(axis=0))
        fixed = ~moved & ~known
        if fixed.any():
            reason = self._settle_theta(_covering(base, fixed), moved)
            if reason:
                return reason
        reason = self._settle_inputs(everything, moved) if moved.any() else ""
        # what no stage has tested must not pass by luck
        base = self._all(everything)
        known = np.isin(base, list(self.tables["rsqrt"]))
        if not reason and ((self.field.character(base) != 1.0) & ~known).any():
            return "a root at e = 0 is not found"
        return reason

    def _all(
        self, rows: npt.NDArray[np.int64], inputs: Mapping[str, Array] | None = None
    ) -> Array:
        """`radicands`, a bounded number of rows at a time."""
        entries = sum(prod(n.shape) for n in self._prefix.nodes)
        step = int(max(8, CHUNK_ENTRIES // max(entries, 1)))
        return np.concatenate([
            self.radicands(part, inputs={n: v[part] for n, v in (inputs or {}).items()})
            for part in (rows[k:k + step] for k in range(0, len(rows), step))
        ])

    # -- parameters: what depends on no input, at a few rows that show all radicands -------------

    def _settle_theta(self, rows: npt.NDArray[np.int64], moved: npt.NDArray[np.bool_]) -> str:
        base = self.radicands(rows)
        wanted = ~moved[None] & ~np.isin(base, list(self.tables["rsqrt"]))
        slices = []
        for p in lower(self.network).parameters:
            if p.name in self.scaled or not p.shape:
                continue
            other = {p.name: self.field.random(self.rng, self.theta[p.name].shape)}
            if ((self.radicands(rows, other) != base) & wanted).any():
                slices += [(p.name, k) for k in range(p.shape[0])]

        reach = [(self._row_redrawn(rows, at, 1)[1] != base) & wanted for at in slices]
        stages = _stages(reach, wanted, base)
        if stages is None:
            return "a radicand at e = 0 moves with no row of a parameter"
        settled = np.zeros(base.shape, dtype=bool)
        for k, mine in stages:
            reason = self._settle_row(rows, slices[k], np.flatnonzero(mine), settled)
            if reason:
                return reason
            settled |= mine
        return ""

    def _row_redrawn(
        self, rows: npt.NDArray[np.int64], at: tuple[str, int], count: int
    ) -> tuple[Array, Array]:
        """A parameter with one of its rows drawn anew `count` times, and the radicands then."""
        name, k = at
        tensor = np.repeat(self.theta[name], count, axis=0)
        tensor[:, k] = self.field.random(self.rng, tensor[:, k].shape)
        theta = {name: np.repeat(tensor, len(rows), axis=0)}
        return tensor, self.radicands(rows, theta, repeated=count)

    def _settle_row(
        self, rows: npt.NDArray[np.int64], at: tuple[str, int], places: npt.NDArray[np.int64],
        settled: npt.NDArray[np.bool_],
    ) -> str:
        """Draw a row until the radicands at these places, shown independent, are squares."""
        base, good, bits, tried = self.radicands(rows), None, [], 0
        levels = self._levels(base.shape[1])
        count, due = max(DRAWS + len(places), 64), 0
        while tried < MAX_DRAWS:
            tensors, found = self._row_redrawn(rows, at, count)
            found = found.reshape(count, *base.shape)
            if (found != base)[:, settled].any():
                return "radicands at e = 0 depend on each other in a ring"
            tried += count
            bits.append(found.reshape(count, -1)[:, places])
            square = self.field.character(bits[-1]) == 1.0
            if good is None and square.all(axis=1).any():
                good = tensors[square.all(axis=1)][:1]
            if good is None or tried < due:
                continue
            if self._independent(np.concatenate(bits), levels[places % base.shape[1]]):
                self.theta[at[0]] = good
                return ""
            # the test takes all draws: again once there are twice as many
            due = 2 * tried
        return "a product of radicands at e = 0 is not shown to be no square"

    # -- inputs: row by row, all rows at once -----------------------------------------------------

    def _settle_inputs(
        self, rows: npt.NDArray[np.int64], moved: npt.NDArray[np.bool_]
    ) -> str:
        lowered = lower(self.network)
        few = rows[:FEW]
        base = self.radicands(few)
        slices = [
            (x.name, axis, k) for x in lowered.inputs if not x.classes
            for axis in range(len(x.shape)) for k in range(x.shape[axis])
        ]

        wanted = np.broadcast_to(moved, base.shape)
        reach = [
            np.broadcast_to(
                (self._slice_redrawn(at, few)[1] != base).any(axis=0) & moved, base.shape)
            for at in slices
        ]
        stages = _stages([r[:1] for r in reach], wanted[:1], base[:1])
        if stages is None:
            return "a radicand at e = 0 moves with no slice of an input"
        # rows of one kind have the same radicands, as functions of their inputs
        kinds = self._kinds(rows)
        settled = np.zeros(base.shape[1], dtype=bool)
        for k, mine in stages:
            columns = np.flatnonzero(mine[0])
            reason = self._tested(kinds, slices[k], columns, settled)
            if reason:
                return reason
            wrong = rows
            for _ in range(24 << min(len(columns), 9)):
                found = self._all(wrong)[:, columns]
                wrong = wrong[(self.field.character(found) != 1.0).any(axis=1)]
                if not len(wrong):
                    break
                self.inputs[slices[k][0]][wrong] = self._redrawn(slices[k], wrong)
            settled[columns] = True
        return ""

    def _redrawn(self, at: Slice, which: npt.NDArray[np.int64]) -> Array:
        """An input at these rows with one of its slices drawn anew."""
        tensor = self.inputs[at[0]][which].copy()
        place: Any = (slice(None),) * (at[1] + 1) + (at[2],)
        tensor[place] = self.field.random(self.rng, tensor[place].shape)
        return tensor

    def _slice_redrawn(self, at: Slice, which: npt.NDArray[np.int64]) -> tuple[Array, Array]:
        tensor = self._redrawn(at, which)
        return tensor, self._all_with(which, {at[0]: tensor})

    def _tested(
        self, kinds: npt.NDArray[np.int64], at: Slice, columns: npt.NDArray[np.int64],
        settled: npt.NDArray[np.bool_],
    ) -> str:
        """Whether the radicands in these columns are independent along a slice, in every kind."""
        base, bits = self._all(kinds), []
        levels = self._levels(base.shape[1])[columns]
        pending = np.ones(len(kinds), dtype=bool)
        for tried in range(1, MAX_DRAWS // 32 + 1):
            _, found = self._slice_redrawn(at, kinds)
            if (found != base)[:, settled].any():
                return "radicands at e = 0 depend on each other in a ring"
            bits.append(found[:, columns])
            if tried >= DRAWS + len(columns) and tried % 16 == 0:
                drawn = np.stack(bits)
                for i in np.flatnonzero(pending):
                    pending[i] = not self._independent(drawn[:, i], levels)
            if not pending.any():
                return ""
        return "a product of radicands at e = 0 is not shown to be no square"

    def _all_with(self, rows: npt.NDArray[np.int64], inputs: Mapping[str, Array]) -> Array:
        entries = sum(prod(n.shape) for n in self._prefix.nodes)
        step = int(max(8, CHUNK_ENTRIES // max(entries, 1)))
        return np.concatenate([
            self.radicands(rows[k:k + step], inputs={n: v[k:k + step] for n, v in inputs.items()})
            for k in range(0, len(rows), step)
        ])

    def _kinds(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """The first row of each choice of tokens and branches."""
        tokens = [self.inputs[x.name] for x in lower(self.network).inputs if x.classes]
        parts = [a.reshape(len(rows), -1) for a in (*tokens, *self.patterns)]
        if not parts:
            return rows[:1]
        _, first = np.unique(np.concatenate(parts, axis=1), axis=0, return_index=True)
        return np.sort(first)

    def _levels(self, count: int) -> npt.NDArray[np.int64]:
        """Nesting depth of every radicand: 0 for those without roots in them."""
        depth: list[int] = []
        found: list[npt.NDArray[np.int64]] = []
        for i, node in enumerate(self._prefix.nodes):
            below = max((depth[j] for j in node.inputs), default=0)
            if i in self._prefix.root_lines:
                found.append(np.full(prod(node.shape), below))
                below += 1
            depth.append(below)
        return np.concatenate(found)[:count]

    def _independent(self, drawn: Array, levels: npt.NDArray[np.int64]) -> bool:
        """Whether characters along draws, shape (draws, radicands), are independent over GF(2).

        Level by level, at draws where the roots below exist; equal radicands count once.
        """
        _, first = np.unique(drawn, axis=1, return_index=True)
        drawn, levels = drawn[:, first], levels[first]
        square = self.field.character(drawn) == 1.0
        for level in np.unique(levels):
            good = square[:, levels < level].all(axis=1)
            bits = ~square[good][:, levels == level]
            ones = np.ones((len(bits), 1), dtype=bool)
            if rank_gf2(np.concatenate([bits, ones], axis=1)) <= bits.shape[1]:
                return False
        return True


def _covering(base: Array, wanted: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """A few rows in which every wanted radicand stands."""
    left = set(np.unique(base[wanted]).tolist())
    chosen = []
    for k, (row, mine) in enumerate(zip(base, wanted, strict=True)):
        new = left & set(row[mine].tolist())
        if new:
            chosen.append(k)
            left -= new
    return np.array(chosen, dtype=np.int64)


def _stages(
    reach: Sequence[npt.NDArray[np.bool_]], wanted: npt.NDArray[np.bool_], base: Array
) -> list[tuple[int, npt.NDArray[np.bool_]]] | None:
    """Slices in the order in which they are drawn, each with the radicands it settles.

    A slice settles those that it reaches and no later one does, as few at once as possible, equal
    ones together. None where some are reached by no slice.
    """
    covered = np.zeros(base.shape, dtype=bool)
    stages: list[tuple[int, npt.NDArray[np.bool_]]] = []
    while (wanted & ~covered).any():
        gains = [
            (len(np.unique(base[r & ~covered & wanted])), k) for k, r in enumerate(reach)
        ]
        gains = [g for g in gains if g[0]]
        if not gains:
            return None
        _, k = min(gains)
        stages.append((k, reach[k] & ~covered & wanted))
        covered |= reach[k]
    return stages[::-1]
