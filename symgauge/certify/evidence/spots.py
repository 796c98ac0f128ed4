"""Token inputs and branches at which values and radicands are looked at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


def points_at(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    spots: Sequence[Spot], seed: int,
) -> Iterator[Points]:
    """Fresh points of each spot with a direction each; the same thetas and directions at all.

    Those of the same seed. As many spots are evaluated at once as there is room for.
    """
    together = max(1, ROOM // (batch * sum(prod(node.shape) for node in network.nodes)))
    for k in range(0, len(spots), together):
        some = spots[k:k + together]
        points = _points(network, field, rng, batch, some, seed)
        for j in range(len(some)):
            yield points.part(slice(j * batch, (j + 1) * batch))


def _points(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    spots: Sequence[Spot], seed: int,
) -> Points:
    """The points of all these spots, `batch` of one after those of the other."""
    own, rows = np.random.default_rng(seed), batch * len(spots)
    salt = int(own.integers(1 << 62))

    def at_each(shape: tuple[int, ...]) -> Array:
        return np.tile(field.random(own, (batch, *shape)), (len(spots), *(1,) * len(shape)))

    theta = {p.name: at_each(p.shape) for p in network.parameters}
    seeds_t = {i: at_each(network.nodes[i].shape) for i in network.parameter_nodes}
    inputs = residue_inputs(network, field, rng, rows)
    for name in spots[0].tokens:
        inputs[name] = np.repeat(np.concatenate([s.tokens[name] for s in spots]), batch, axis=0)
    parts = [s.branches(network, rng, batch) for s in spots]
    patterns = [np.concatenate(same) for same in zip(*parts, strict=True)]
    plan = RootPlan((), True) if spots[0].twisted else root_plan(network, field, True)
    settle_roots(network, field, rng, plan, Point(salt, theta, inputs, patterns))
    domain = ResidueDomain(field, salt, rows, patterns, plan.twisted)
    lines = values(network, domain, theta, inputs)
    seeds_x = {
        i: field.random(rng, (rows, *network.nodes[i].shape))
        for i, x in zip(network.input_nodes, network.inputs, strict=True) if not x.classes
    }
    return Points(
        lines, tangents(network, domain, lines, seeds_x),
        tangents(network, domain, lines, seeds_t), domain.valid,
    )
