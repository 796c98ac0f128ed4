"""Random points over GF(p) and rows of the Jacobian there.

Every row has an input of its own and a random cotangent over all outputs: stacking the outputs
of few inputs undersamples and invents symmetries. Branches are picked at independent shadow
points in floats, clear of the boundaries of the cells.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.errors import InconsistentError
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField
from symgauge.network.domains.reads import ReadsDomain
from symgauge.network.domains.real import RealDomain
from symgauge.network.domains.residues import ResidueDomain
from symgauge.network.evaluate import cotangents, outputs, values
from symgauge.network.op import Array
from symgauge.network.program import Network

#: Entries of the lines of one chunk of rows that are held at once (about 0.5 GB of float64).
CHUNK_ENTRIES = 1 << 24
#: A branch counts as decided when its quantity is this far from 0, relative to its peers.
MARGIN = 1e-6
#: Rows beyond the number of unknowns: a false solution survives with probability p**-SPARE.
SPARE = 24
#: Shadow points tried for a balanced one.
SHADOWS = 60


@dataclass(frozen=True)
class Rows:
    """Rows v^T J of the Jacobian: residues, shape (rows, coordinates), and their points."""

    rows: Array
    parameters: Mapping[str, Array]


def read_coordinates(network: Network) -> npt.NDArray[np.bool_]:
    """Which coordinates of the flat parameter vector some output reads."""
    lowered, domain = network.lowered, ReadsDomain()
    ones = {p.name: np.ones((1, *p.shape)) for p in lowered.parameters}
    inputs = {x.name: np.ones((1, *x.shape)) for x in lowered.inputs}
    lines = values(lowered, domain, ones, inputs)
    seeds = [np.ones((1, *lowered.nodes[i].shape)) for i in lowered.outputs]
    rows = cotangents(lowered, domain, lines, seeds)
    flat = [rows[p.name].reshape(-1) for p in lowered.parameters]
    return np.concatenate(flat) > 0.0 if flat else np.zeros(0, dtype=bool)


def draw_reals(
    network: Network, rng: np.random.Generator, batch: int
) -> tuple[dict[str, Array], dict[str, Array]]:
    """Generic float64 parameters and inputs of moderate size."""
    parameters = {}
    for p in network.parameters:
        width = prod(p.shape[1:]) if len(p.shape) > 1 else 1
        parameters[p.name] = rng.normal(size=(batch, *p.shape)) / np.sqrt(max(width, 1))
    inputs = {x.name: rng.normal(size=(batch, *x.shape)) for x in network.inputs}
    return parameters, inputs


def branch_patterns(
    network: Network, parameters: Mapping[str, Array], rng: np.random.Generator, batch: int
) -> list[Array]:
    """Patterns of the steps at `batch` shadow inputs, every branch quantity clear of 0.

    `parameters` has batch 1 (one shadow for all) or is empty (a fresh one for every row).
    Raises InconsistentError where no input decides the branches.
    """
    lowered = network.lowered
    if not network.uses("step"):
        return []
    kept: list[list[Array]] = []
    count = 0
    for _ in range(40):
        drawn, inputs = draw_reals(lowered, rng, batch)
        domain = RealDomain()
        values(lowered, domain, parameters or drawn, inputs)
        assert domain.margin is not None
        good = np.broadcast_to(domain.margin > MARGIN, (batch,))
        kept.append([
            np.broadcast_to(b, (batch, *b.shape[1:]))[good] for b in domain.branches
        ])
        count += int(good.sum())
        if count >= batch:
            return [
                np.concatenate([block[i] for block in kept])[:batch]
                for i in range(len(kept[0]))
            ]
    raise InconsistentError(
        "the branches of this network are not decided at generic points: a branch quantity is "
        "identically 0 or too close to it"
    )


def balanced_shadow(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """A float parameter point at which every step is both on and off for many inputs.

    At a badly balanced point units are dead or act linearly and the rank is not generic.
    """
    best, score = {}, -1.0
    lowered = network.lowered
    for _ in range(SHADOWS if network.uses("step") else 1):
        parameters, _ = draw_reals(lowered, rng, 1)
        _, inputs = draw_reals(lowered, rng, 64)
        domain = RealDomain()
        values(lowered, domain, parameters, inputs)
        shares = [b.reshape(len(b), -1).mean(axis=0) for b in domain.branches]
        least = min((float(np.minimum(s, 1 - s).min()) for s in shares if s.size), default=1.0)
        if least > score:
            best, score = parameters, least
    return best


def _chunk(network: Network) -> int:
    entries = sum(prod(n.shape) for n in network.nodes)
    return int(max(8, min(1024, CHUNK_ENTRIES // max(entries, 1))))


def jacobian_rows(
    network: Network,
    field: PrimeField,
    rng: np.random.Generator,
    count: int,
    theta: Mapping[str, Array] | None = None,
    shadow: Mapping[str, Array] | None = None,
) -> Rows:
    """`count` rows v^T J(theta, x), each with its own x and v.

    theta: residues with batch 1, the same for all rows; None draws a fresh theta for each row.
    shadow: the float point whose cell the rows live on; None takes a fresh cell for each row.
    Raises InconsistentError where hardly any row is free of zero divisors and missing roots.
    """
    lowered = network.lowered
    salt = int(rng.integers(1 << 62))
    found: list[Array] = []
    points: list[dict[str, Array]] = []
    have, tried = 0, 0
    while have < count:
        batch = min(_chunk(lowered), max(8, 2 * (count - have)) if tried else count)
        parameters = {
            p.name: theta[p.name] if theta is not None else field.random(rng, (batch, *p.shape))
            for p in lowered.parameters
        }
        inputs = {x.name: field.random(rng, (batch, *x.shape)) for x in lowered.inputs}
        patterns = branch_patterns(network, shadow or {}, rng, batch)
        domain = ResidueDomain(field, salt, batch, patterns)
        lines = values(lowered, domain, parameters, inputs)
        seeds = [field.random(rng, (batch, *lowered.nodes[i].shape)) for i in lowered.outputs]
        rows = cotangents(lowered, domain, lines, seeds)
        good = domain.valid
        flat = np.concatenate(
            [rows[p.name].reshape(batch, -1) for p in lowered.parameters], axis=1
        )[good]
        found.append(flat)
        points.append({n: np.broadcast_to(v, (batch, *v.shape[1:]))[good]
                       for n, v in parameters.items()})
        have += int(good.sum())
        tried += batch
        if tried > 20000 and have * 4000 < tried:
            raise InconsistentError(
                f"only {have} of {tried} random points had a root for every square root"
            )
    rows_array = np.concatenate(found)[:count]
    merged = {n: np.concatenate([pt[n] for pt in points])[:count] for n in points[0]}
    return Rows(rows_array, merged)


def evaluate_at(
    network: Network, field: PrimeField, salt: int, parameters: Mapping[str, Array],
    inputs: Mapping[str, Array], patterns: Sequence[Array] = (),
) -> tuple[list[Array], ResidueDomain]:
    """The output values over GF(p), and the domain that tells which rows are valid."""
    batch = len(next(iter(inputs.values()))) if inputs else 1
    domain = ResidueDomain(field, salt, batch, patterns)
    lines = values(network.lowered, domain, parameters, inputs)
    return outputs(network.lowered, lines), domain


def rank_at_point(
    network: Network, field: PrimeField, rng: np.random.Generator,
    read: npt.NDArray[np.bool_], cell: Mapping[str, Array],
) -> int:
    """Rank of the Jacobian at one exact random theta: never above the generic rank.

    `cell` is a shadow point: with branches, the rank is that of its cell, and rows are added
    until it has stopped growing (near the boundary of a cell it grows slowly).
    """
    count = int(read.sum()) + SPARE
    theta = {p.name: field.random(rng, (1, *p.shape)) for p in network.parameters}
    rows = jacobian_rows(network, field, rng, count, theta, cell).rows[:, read]
    found = rank(rows, field.p)
    while cell:
        more = jacobian_rows(network, field, rng, max(32, count // 2), theta, cell)
        rows = np.concatenate([rows, more.rows[:, read]])
        grown = rank(rows, field.p)
        if grown == found:
            break
        found = grown
    return found
