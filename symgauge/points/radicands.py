"""Whether no product of radicands is a square (see `residues`)."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

import numpy as np

from symgauge.domains.evaluate import values
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.linear_algebra import rank_gf2
from symgauge.exact.prime_field import Array, PrimeField
from symgauge.points.cells import PATTERNS, branches_below
from symgauge.points.draw import Draw, Point
from symgauge.points.inputs import residue_inputs
from symgauge.points.rank import draw_theta
from symgauge.points.roots import RootPlan, root_plan, settle_roots
from symgauge.points.spots import Spot
from symgauge.program.network import Network

#: Rows drawn at most in search of enough points at which the earlier roots exist.
MAX_ROOT_ROWS = 1 << 13


def _levels(network: Network) -> dict[int, int]:
    """Nesting depth of every root: 0 for radicands without roots."""
    depth: list[int] = []
    found: dict[int, int] = {}
    for i, node in enumerate(network.nodes):
        below = max((depth[j] for j in node.inputs), default=0)
        if i in network.root_lines and not network.is_constant[i]:
            found[i] = below
            below += 1
        depth.append(below)
    return found


def about_radicands(
    network: Network, field: PrimeField, rng: np.random.Generator, spots: Sequence[Spot],
    shown: list[str], missing: list[str],
) -> None:
    levels = _levels(network)
    total, ok = 0, bool(spots)
    for spot in spots:
        for level in sorted(set(levels.values())):
            sites = [i for i, lv in levels.items() if lv == level]
            earlier = [i for i, lv in levels.items() if lv < level]
            n, full = _level_rank(network, field, rng, spot, sites, earlier)
            total += n
            ok = ok and full
        if not ok:
            break
    among = f" among {total}"
    if any(branches_below(network, ("rsqrt",))):
        among = f" on the branches at {PATTERNS} inputs"
    text = f"no product of distinct radicands{among} is a square"
    if ok:
        shown.append(f"{text}: proved by quadratic characters")
    else:
        missing.append(text)


def _level_rank(
    network: Network, field: PrimeField, rng: np.random.Generator, spot: Spot,
    sites: Sequence[int], earlier: Sequence[int],
) -> tuple[int, bool]:
    """Number of distinct radicands of one level, and whether their characters are independent.

    theta is one point for all rows where radicands depend on an input: then the constant is
    one more column.
    """
    theta, salt = draw_theta(network, field, rng)
    parts: list[list[Array]] = [[], []]
    wanted, tried, batch = 1, 0, 256 if spot.patterns is None else 64
    plans = [
        _restricted(network, root_plan(network, field, free), earlier) for free in (False, True)
    ]
    while tried < MAX_ROOT_ROWS and min(sum(len(b) for b in part) for part in parts) < wanted:
        for held, plan, part in zip((theta, None), plans, parts, strict=True):
            draw = Draw(network, field, rng, theta=held, salt=salt)
            found, good = _radicands(draw, batch, plan, spot, sites, earlier)
            part.append(found[good])
            wanted = found.shape[1] + 24
        tried += batch
    fixed, free = parts
    at_theta, anywhere = np.concatenate(fixed), np.concatenate(free)
    if min(len(at_theta), len(anywhere)) < 2:
        return at_theta.shape[1], False
    _, first = np.unique(anywhere, axis=1, return_index=True)
    at_theta, anywhere = at_theta[:, np.sort(first)], anywhere[:, np.sort(first)]
    moved = (at_theta != at_theta[0]).any(axis=0)
    bits_x = field.character(at_theta[:, moved]) == -1.0
    ones = np.ones((len(bits_x), 1), dtype=bool)
    ok_x = rank_gf2(np.concatenate([bits_x, ones], axis=1)) == int(moved.sum()) + 1
    bits_t = field.character(anywhere[:, ~moved]) == -1.0
    ok_t = rank_gf2(bits_t) == int((~moved).sum())
    return anywhere.shape[1], ok_x and ok_t


def _restricted(network: Network, plan: RootPlan, sites: Sequence[int]) -> RootPlan:
    """The plan for the radicands of these sites alone."""
    parts = [
        np.full(prod(network.nodes[i].shape), i in sites) for i in network.root_lines
    ]
    wanted = np.concatenate(parts)
    stages = [(n, axis, k, final & wanted) for n, axis, k, final in plan.stages]
    return RootPlan(tuple(stage for stage in stages if stage[3].any()))


def _radicands(
    draw: Draw, batch: int, plan: RootPlan, spot: Spot, sites: Sequence[int],
    earlier: Sequence[int],
) -> tuple[Array, Array]:
    """Residues of the radicands, and the rows at which all earlier roots exist."""
    network, field, rng = draw.network, draw.field, draw.rng
    parameters = dict(draw.theta or {}) or {
        p.name: field.random(rng, (batch, *p.shape)) for p in network.parameters
    }
    inputs = residue_inputs(network, field, rng, batch)
    patterns = spot.branches(network, rng, batch)
    assert draw.salt is not None
    point = Point(draw.salt, parameters, inputs, patterns)
    settle_roots(network, field, rng, plan, point)
    domain = ResidueDomain(field, point.salt, batch, patterns)
    lines = values(network, domain, parameters, inputs)

    def flat(i: int) -> Array:
        a = lines[network.nodes[i].inputs[0]]
        return np.broadcast_to(a, (batch, *a.shape[1:])).reshape(batch, -1)

    good = np.ones(batch, dtype=bool)
    for i in earlier:
        good &= (field.character(flat(i)) == 1.0).all(axis=1)
    return np.concatenate([flat(i) for i in sites], axis=1), good
