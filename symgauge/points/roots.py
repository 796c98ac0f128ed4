"""Points over GF(p) at which every radicand is a square."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import values
from symgauge.domains.known import arguments_of
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.prime_field import PrimeField
from symgauge.exact.rational import root_free
from symgauge.points.cells import branch_patterns
from symgauge.points.draw import Point
from symgauge.points.inputs import has_tokens, residue_inputs
from symgauge.program.array import Array
from symgauge.program.lower import germ_of
from symgauge.program.network import Network

#: A slice of a tensor, by its axis (without the batch) and index, and radicands that it moves.
Stage = tuple[str, int, int, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class RootPlan:
    """How to reach points where every radicand is a square: slices to redraw, one after another.

    Each stage redraws one slice of a tensor until the radicands that no later stage touches
    are squares. With `twisted` no such order was found, and y^2 v = -1 stands in where v is none.
    """

    stages: tuple[Stage, ...]
    twisted: bool = False


#: Radicands that one stage may wait for: 2**MAX_TOGETHER draws are expected.
MAX_TOGETHER = 9
#: Entries of all lines that are evaluated at once.
ENTRIES = 1 << 21
#: Points at which no two radicands are squares at once, where they never are.
TWO_AT_ONCE = 48


def _missing(domain: ResidueDomain, batch: int) -> npt.NDArray[np.bool_]:
    parts = [np.broadcast_to(m, (batch, m.shape[1])) for m in domain.missing_roots]
    return np.concatenate(parts, axis=1) if parts else np.zeros((batch, 0), dtype=bool)


def root_plan(network: Network, field: PrimeField, free: bool) -> RootPlan:
    """The order of slices for this network; `free` lets parameters be redrawn, not inputs alone.

    Which radicands a slice reaches is read off from redrawing it, once for a network.
    """
    # kept beside the network's cached properties: it depends on the field alone
    plans: dict[tuple[bool, int], RootPlan] = network.__dict__.setdefault("_root_plans", {})
    if (free, field.p) not in plans:
        plans[free, field.p] = _root_plan(network, field, free)
    return plans[free, field.p]


def _root_plan(network: Network, field: PrimeField, free: bool) -> RootPlan:
    if not germ_of(network).root_lines:
        return RootPlan(())
    rng = np.random.default_rng(0)
    # one theta must serve many sequences of tokens: too many radicands at once
    if has_tokens(network) or _missing_of_constants(network, field) or _never_together(
            network, field, rng):
        return RootPlan((), True)
    # the rank is that of rows at one theta: where these are not settled, none need be
    if free and root_plan(network, field, False).twisted:
        return RootPlan((), True)
    return _ordered(*_reach(network, field, rng, free))


def _missing_of_constants(network: Network, field: PrimeField) -> bool:
    """Whether a constant may have no root here: nothing moves it."""
    lowered = germ_of(network)
    constants = [
        arguments_of(lowered).get(i) for i in lowered.root_lines if lowered.is_constant[i]
    ]
    return any(c is None for c in constants) or any(
        field.character(np.array(float(root_free(r)[1] % field.p))) != 1.0
        for c in constants if c is not None for r in c.table if r > 0)


def _reach(
    network: Network, field: PrimeField, rng: np.random.Generator, free: bool
) -> tuple[list[Stage], npt.NDArray[np.bool_]]:
    """The radicands that each slice moves when it is redrawn; and one of each that are equal."""
    lowered, batch = germ_of(network), 4
    tensors = [(x.name, x.shape) for x in lowered.inputs]
    if free:
        tensors += [(p.name, p.shape) for p in lowered.parameters]
    parameters = {p.name: field.random(rng, (batch, *p.shape)) for p in lowered.parameters}
    inputs = residue_inputs(lowered, field, rng, batch)
    patterns = branch_patterns(network, {}, rng, batch, inputs)

    def radicands() -> Array:
        return _radicands(network, field, parameters, inputs, patterns, batch)

    base = radicands()
    _, first = np.unique(base, axis=1, return_index=True)
    distinct = np.zeros(base.shape[1], dtype=bool)
    distinct[first] = True
    reach: list[Stage] = []
    for name, shape in tensors:
        table = inputs if name in inputs else parameters
        axes = range(len(shape)) if name in inputs else range(min(1, len(shape)))
        for axis in axes:
            for index in range(shape[axis] if shape[axis] <= 64 else 0):
                kept = table[name]
                table[name] = _redrawn(kept, axis, index, field, rng)
                reach.append((name, axis, index, (radicands() != base).any(axis=0)))
                table[name] = kept
    return reach, distinct


def _ordered(reach: Sequence[Stage], distinct: npt.NDArray[np.bool_]) -> RootPlan:
    """Slices one after another, each for the radicands that no later one moves, few at once."""
    stages: list[Stage] = []
    covered = np.zeros(len(distinct), dtype=bool)
    twisted = False
    while not (covered | ~distinct).all():
        gains = [((r & ~covered & distinct).sum(), k) for k, (*_, r) in enumerate(reach)]
        gains = [g for g in gains if g[0]]
        if not gains:
            break  # radicands of fixed parameters: the caller draws other parameters
        together, k = min(gains)
        name, axis, index, r = reach[k]
        twisted = twisted or together > MAX_TOGETHER
        stages.append((name, axis, index, r & ~covered))
        covered |= r
    return RootPlan((), True) if twisted else RootPlan(tuple(reversed(stages)))


def _radicands(
    network: Network, field: PrimeField, parameters: Mapping[str, Array],
    inputs: Mapping[str, Array], patterns: Sequence[Array], batch: int,
) -> Array:
    """What every root is taken of, shape (batch, radicands), wherever the roots exist."""
    lowered = germ_of(network)
    lines = values(
        lowered, ResidueDomain(field, 1, batch, patterns, True), parameters, inputs)
    under = [lines[lowered.nodes[i].inputs[0]] for i in lowered.root_lines]
    parts = [np.broadcast_to(a, (batch, *a.shape[1:])).reshape(batch, -1) for a in under]
    return np.concatenate(parts, axis=1)


def _never_together(network: Network, field: PrimeField, rng: np.random.Generator) -> bool:
    """Whether the product of two radicands is never a square: q and 17 q have no roots at once."""
    lowered, batch = germ_of(network), TWO_AT_ONCE
    inputs = residue_inputs(lowered, field, rng, batch)
    parameters = {p.name: field.random(rng, (batch, *p.shape)) for p in lowered.parameters}
    patterns = branch_patterns(network, {}, rng, batch, inputs)
    found = field.character(
        _radicands(network, field, parameters, inputs, patterns, batch))
    signs = np.unique(found[:, (found != found[0]).any(axis=0)], axis=1)
    return bool((signs.T @ signs == -batch).any())


def _redrawn(
    tensor: Array, axis: int, index: int, field: PrimeField, rng: np.random.Generator
) -> Array:
    out = tensor.copy()
    at = (slice(None),) * (axis + 1) + (index,)
    out[at] = field.random(rng, out[at].shape)
    return out


def settle_roots(
    network: Network, field: PrimeField, rng: np.random.Generator, plan: RootPlan, point: Point
) -> None:
    """Redraw slices of the point in place until the plan's radicands are squares."""
    if not plan.stages:
        return
    parameters, inputs = point.parameters, point.inputs
    last = network.root_lines[-1]
    prefix = Network(network.nodes[:last + 1], (last,), network.ops)
    batch = max(len(v) for v in (*parameters.values(), *inputs.values()))
    room = max(1, ENTRIES // sum(prod(node.shape) for node in prefix.nodes))
    for name, axis, index, final in plan.stages:
        table = inputs if name in inputs else parameters
        together = 2 ** min(int(final.sum()), MAX_TOGETHER)
        # the point as it is, then many slices at once: one pass costs little more for more rows
        wrong, copies, drawn = np.arange(batch), 1, 0
        while len(wrong) and drawn < 24 * together:
            rows = np.repeat(wrong, copies)
            trial = _rows_of(parameters, rows) | _rows_of(inputs, rows)
            if drawn:
                trial[name] = _redrawn(trial[name], axis, index, field, rng)
            domain = ResidueDomain(field, point.salt, len(rows), [b[rows] for b in point.patterns])
            values(prefix, domain, trial, trial)
            good = ~(_missing(domain, len(rows)) & final).any(axis=1).reshape(len(wrong), copies)
            hit = good.any(axis=1)
            if drawn:
                first = np.arange(len(wrong)) * copies + good.argmax(axis=1)
                table[name][wrong[hit]] = trial[name][first[hit]]
            wrong, drawn = wrong[~hit], drawn + copies
            copies = max(1, min(together, room // max(len(wrong), 1)))


def _rows_of(table: Mapping[str, Array], rows: npt.NDArray[np.int64]) -> dict[str, Array]:
    return {n: v if len(v) == 1 else v[rows] for n, v in table.items()}
