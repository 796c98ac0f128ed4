"""Token inputs and branches at which values and radicands are looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symgauge.domains.evaluate import tangents, values
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.cells import branch_patterns, branches_below, cell_patterns
from symgauge.points.draw import Point
from symgauge.points.inputs import residue_inputs
from symgauge.points.roots import RootPlan, root_plan, settle_roots
from symgauge.program.network import Network


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
    """Values and two tangents of every line at fresh points."""

    lines: list[Array]
    along_inputs: list[Array | None]
    along_parameters: list[Array | None]
    domain: ResidueDomain


def points_at(
    network: Network, field: PrimeField, rng: np.random.Generator, batch: int,
    spot: Spot, seed: int | None = None,
) -> Points:
    """Fresh points with a direction each; the same thetas and directions for the same seed."""
    own = rng if seed is None else np.random.default_rng(seed)
    salt = int(own.integers(1 << 62))
    theta = {p.name: field.random(own, (batch, *p.shape)) for p in network.parameters}
    seeds_t = {
        i: field.random(own, (batch, *network.nodes[i].shape)) for i in network.parameter_nodes
    }
    inputs = residue_inputs(network, field, rng, batch)
    for name, value in spot.tokens.items():
        inputs[name] = np.broadcast_to(value, inputs[name].shape)
    patterns = spot.branches(network, rng, batch)
    plan = RootPlan((), True) if spot.twisted else root_plan(network, field, True)
    settle_roots(network, field, rng, plan, Point(salt, theta, inputs, patterns))
    domain = ResidueDomain(field, salt, batch, patterns, plan.twisted)
    lines = values(network, domain, theta, inputs)
    seeds_x = {
        i: field.random(rng, (batch, *network.nodes[i].shape))
        for i, x in zip(network.input_nodes, network.inputs, strict=True) if not x.classes
    }
    return Points(
        lines, tangents(network, domain, lines, seeds_x),
        tangents(network, domain, lines, seeds_t), domain,
    )
