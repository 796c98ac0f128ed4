"""Token inputs and branches at which values and radicands are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import tangents, values
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.cells import branch_patterns, branches_below, cell_patterns
from symgauge.points.draw import Point
from symgauge.points.inputs import residue_inputs
from symgauge.points.roots import RootPlan, root_plan, settle_roots
from symgauge.program.network import Network

#: Entries of all lines that are evaluated at once.
ROOM = 1 << 19


@dataclass(frozen=True)
class Spot:
    """Token inputs and the branches taken there, batch of one; what is free is drawn anew."""

    tokens: Mapping[str, Array]
    #: None where no value in question depends on a branch: any branches will do.
    patterns: Sequence[Array] | None
    #: Whether roots that are missing are taken as in a twisted plan: the caller says what of it.
    twisted: bool = False

    def branches(self, network: Network, rng: np.random.Generator, batch: int) -> list[Array]:
        """The branches at `batch` points, the same at all of them unless they do not matter."""
        if self.patterns is None:
            return branch_patterns(network, {}, rng, batch)
        return [np.broadcast_to(b, (batch, *b.shape[1:])) for b in self.patterns]


def spots_of(
    network: Network, tokens: Mapping[str, Array], cell: Mapping[str, Array], kinds: Sequence[str],
) -> list[Spot]:
    """The token inputs, and on piecewise networks the branches that values of these ops see."""
    count = max((len(v) for v in tokens.values()), default=1)
    seen = branches_below(network, kinds)
    if not any(seen):
        return [Spot({n: v[k:k + 1] for n, v in tokens.items()}, None) for k in range(count)]
    patterns, decided = cell_patterns(network, cell, tokens)
    spots: dict[bytes, Spot] = {}
    for k in decided:
        chosen = [b[k:k + 1] for b in patterns]
        spot = Spot({n: v[k:k + 1] for n, v in tokens.items()}, chosen)
        parts = [*spot.tokens.values()]
        parts += [b for b, below in zip(chosen, seen, strict=True) if below]
        spots.setdefault(b"".join(np.ascontiguousarray(a).tobytes() for a in parts), spot)
    return list(spots.values())


@dataclass
class Points:
    """Values and two tangents of every line at fresh points, and which points are any good."""

    lines: list[Array]
    along_inputs: list[Array | None]
    along_parameters: list[Array | None]
    valid: npt.NDArray[np.bool_]

    def part(self, rows: slice) -> Points:
        """Some of the points."""
        def cut(lines: Sequence[Array | None]) -> list[Any]:
            return [x if x is None or len(x) == 1 else x[rows] for x in lines]

        return Points(
            cut(self.lines), cut(self.along_inputs), cut(self.along_parameters), self.valid[rows])


@dataclass(frozen=True)
class _Thetas:
    """Parameters, directions of them, and the salt of functions: the same at all spots."""

    salt: int
    values: Mapping[str, Array]
    along: Mapping[int, Array]


def points_at(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    spots: Sequence[Spot], seed: int,
) -> Iterator[Points]:
    """Fresh points of each spot with a direction each; the same thetas and directions at all.

    Those of the same seed, of which the first spot has all roots; elsewhere points are lost where
    inputs alone give none. As many spots are evaluated at once as there is room for.
    """
    together = max(1, ROOM // (batch * sum(prod(node.shape) for node in network.nodes)))
    twisted = any(spot.twisted for spot in spots)
    plan = RootPlan((), True) if twisted else root_plan(network, field, True)
    thetas = _thetas(network, field, batch, spots, plan, seed)
    # another theta at one spot would make arguments look independent that are not
    given = {x.name for x in network.inputs}
    inputs_alone = replace(plan, stages=tuple(s for s in plan.stages if s[0] in given))
    for k in range(0, len(spots), together):
        some = spots[k:k + together]
        points = _points(network, field, rng, batch, some, inputs_alone, thetas)
        for j in range(len(some)):
            yield points.part(slice(j * batch, (j + 1) * batch))


def _thetas(
    network: Network, field: PrimeField, batch: int, spots: Sequence[Spot], plan: RootPlan,
    seed: int,
) -> _Thetas:
    own = np.random.default_rng(seed)
    salt = int(own.integers(1 << 62))
    theta = {p.name: field.random(own, (batch, *p.shape)) for p in network.parameters}
    along = {
        i: field.random(own, (batch, *network.nodes[i].shape)) for i in network.parameter_nodes}
    if spots:
        inputs = residue_inputs(network, field, own, batch)
        inputs |= {n: np.repeat(v, batch, axis=0) for n, v in spots[0].tokens.items()}
        patterns = spots[0].branches(network, own, batch)
        settle_roots(network, field, own, plan, Point(salt, theta, inputs, patterns))
    return _Thetas(salt, theta, along)


def _points(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    spots: Sequence[Spot], plan: RootPlan, thetas: _Thetas,
) -> Points:
    """The points of all these spots, `batch` of one after those of the other."""
    rows = batch * len(spots)

    def at_each(one: Array) -> Array:
        return np.tile(one, (len(spots), *(1,) * (one.ndim - 1)))

    theta = {n: at_each(v) for n, v in thetas.values.items()}
    inputs = residue_inputs(network, field, rng, rows)
    for name in spots[0].tokens:
        inputs[name] = np.repeat(np.concatenate([s.tokens[name] for s in spots]), batch, axis=0)
    parts = [s.branches(network, rng, batch) for s in spots]
    patterns = [np.concatenate(same) for same in zip(*parts, strict=True)]
    settle_roots(network, field, rng, plan, Point(thetas.salt, theta, inputs, patterns))
    domain = ResidueDomain(field, thetas.salt, rows, patterns, plan.twisted)
    lines = values(network, domain, theta, inputs)
    seeds_x = {
        i: field.random(rng, (rows, *network.nodes[i].shape))
        for i, x in zip(network.input_nodes, network.inputs, strict=True) if not x.classes
    }
    return Points(
        lines, tangents(network, domain, lines, seeds_x),
        tangents(network, domain, lines, {i: at_each(v) for i, v in thetas.along.items()}),
        domain.valid,
    )
