"""Rows of the Jacobian at random points over GF(p).

Every row has an input of its own and a random cotangent over all outputs: stacking the outputs
of few inputs undersamples and invents symmetries.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import cotangents, values, values_after
from symgauge.domains.residues import ResidueDomain
from symgauge.domains.series import SeriesDomain
from symgauge.errors import UndecidedError
from symgauge.exact.linear_algebra import rank
from symgauge.exact.series_rank import series_rank
from symgauge.points.cells import branch_patterns, branches_below, cell_patterns
from symgauge.points.draw import Draw, Point
from symgauge.points.inputs import residue_inputs
from symgauge.points.roots import root_plan, settle_roots
from symgauge.program.array import Array
from symgauge.program.lower import germ_of, lower
from symgauge.program.network import Network

#: Entries of the lines of one chunk of rows that are held at once (about 0.5 GB of float64).
CHUNK_ENTRIES = 1 << 24
#: Rows beyond the number of unknowns: a false solution survives with probability p**-SPARE.
SPARE = 24
#: Ops whose values the residues take as independent.
FUNCTIONS = ("exp", "log", "erf", "sin", "cos", "atan")
#: Coefficients of a power series that generators are sought with, and that a rank is found with.
SEARCH_ORDER, RANK_ORDER = 5, 4


@dataclass(frozen=True)
class Rows:
    """Rows v^T J of the Jacobian: residues, shape (rows, coordinates), and their points.

    With flows v^T J is a power series in the factor s of all durations: `coefficients` has shape
    (order, rows, coordinates), and a row of `rows` is a random combination of a series'
    coefficients, which a field that is tangent for every s annuls; `shifted` is the same
    combination of s v^T J.
    """

    rows: Array
    parameters: Mapping[str, Array]
    coefficients: Array
    shifted: Array

    def rank(self, p: int) -> int:
        """The rank, over the power series where there are flows."""
        return rank(self.rows, p) if len(self.coefficients) == 1 else series_rank(
            self.coefficients, p)

    def read(self, columns: npt.NDArray[np.bool_]) -> Rows:
        """These columns alone."""
        return Rows(
            self.rows[:, columns], self.parameters, self.coefficients[:, :, columns],
            self.shifted[:, columns],
        )

    def and_more(self, other: Rows) -> Rows:
        """The rows of both, at the parameters of the first."""
        return Rows(
            np.concatenate([self.rows, other.rows]), self.parameters,
            np.concatenate([self.coefficients, other.coefficients], axis=1),
            np.concatenate([self.shifted, other.shifted]),
        )


def chunk_of(network: Network, order: int = 1) -> int:
    """How many rows are made at once."""
    # a flow's trajectory is a series of series
    entries = sum(prod(n.shape) for n in network.nodes) * order**2
    return int(max(8, min(1024, CHUNK_ENTRIES // max(entries, 1))))


@dataclass(frozen=True)
class Drawn:
    """Rows of one batch: coefficients, shape (order, rows, coordinates), and their points.

    good: which points of the batch these are, the others having no root or a division by zero.
    """

    coefficients: Array
    parameters: dict[str, Array]
    good: npt.NDArray[np.bool_]


def batches(draw: Draw, count: int, order: int) -> Iterator[Drawn]:
    """At least `count` rows, batch by batch (see `jacobian_rows`)."""
    network, field, rng = draw.network, draw.field, draw.rng
    salt = int(rng.integers(1 << 62)) if draw.salt is None else draw.salt
    draw = replace(draw, salt=salt)
    plan = root_plan(network, field, draw.theta is None)
    pool = _pool(draw)
    have, tried = 0, 0
    first = int(rng.integers(1 << 30)) if draw.tokens else 0  # each call goes on elsewhere
    while have < count:
        batch = min(
            chunk_of(lower(network), order), max(8, 2 * (count - have)) if tried else count)
        point = _point(draw, salt, pool, first + tried + np.arange(batch))
        settle_roots(germ_of(network), field, rng, plan, point)
        tried += batch
        drawn = _rows_at(draw, point, batch, plan.twisted, order)
        if drawn is not None:
            have += drawn.coefficients.shape[1]
            yield drawn
        if tried > 64 * count + 20000:
            raise UndecidedError(
                f"only {have} of {tried} random points had a root for every square root and no "
                "division by zero"
            )


def _pool(draw: Draw) -> tuple[list[Array], npt.NDArray[np.int64]] | None:
    """The patterns of the cell, where values of functions or roots depend on branches."""
    if not (draw.cell and any(branches_below(draw.network, (*FUNCTIONS, "rsqrt")))):
        return None
    pool = cell_patterns(draw.network, draw.cell, draw.tokens)
    if not len(pool[1]):
        raise UndecidedError("no branch of this network is decided on the cell")
    return pool


def _point(
    draw: Draw, salt: int, pool: tuple[list[Array], npt.NDArray[np.int64]] | None,
    turn: npt.NDArray[np.int64],
) -> Point:
    """Fresh points; `turn` counts the tokens and patterns that are taken one after another."""
    lowered, field, rng, theta = lower(draw.network), draw.field, draw.rng, draw.theta
    batch = len(turn)
    parameters = {
        p.name: theta[p.name] if theta is not None else field.random(rng, (batch, *p.shape))
        for p in lowered.parameters
    }
    inputs = residue_inputs(lowered, field, rng, batch)
    for name, listed in draw.tokens.items():
        inputs[name] = listed[turn % len(listed)]
    if pool is None:
        patterns = branch_patterns(draw.network, draw.cell, rng, batch, inputs)
    else:
        listed_patterns, decided = pool
        at = decided[turn % len(decided)]
        patterns = [b[at] for b in listed_patterns]
        inputs.update({n: v[at] for n, v in draw.tokens.items()})
    return Point(salt, parameters, inputs, patterns)


def _rows_at(draw: Draw, point: Point, batch: int, twisted: bool, order: int) -> Drawn | None:
    """Rows with a random cotangent each; None where a quotient or a root is undefined at all."""
    lowered, field = lower(draw.network), draw.field
    domain = ResidueDomain(field, point.salt, batch, point.patterns, twisted)
    lifted = Lifted(draw.network, domain, batch, order)
    lines = lifted.values(point.parameters, point.inputs)
    good = np.broadcast_to(domain.valid, (batch,))
    if not good.any():
        return None
    seeds = [
        lifted.constant(field.random(draw.rng, (batch, *lowered.nodes[i].shape)))
        for i in lowered.outputs
    ]
    rows = cotangents(lowered, lifted.domain, lines, seeds)
    flat = [rows[p.name].reshape(order, batch, -1) for p in lowered.parameters]
    joined = np.concatenate(flat, axis=2)
    # a theta that all rows share is not copied for each of them
    points = {
        n: np.broadcast_to(v, (batch, *v.shape[1:]))[good]
        for n, v in point.parameters.items() if draw.theta is None
    }
    return Drawn(joined if good.all() else joined[:, good], points, good)


def row_at_each(draw: Draw, salt: int, number: int) -> Drawn | None:
    """One row at each of so many parameters, which `draw.theta` lists, where there is one.

    None where there is none at all; not for flows.
    """
    plan = root_plan(draw.network, draw.field, False)
    point = _point(draw, salt, _pool(draw), np.arange(number))
    settle_roots(germ_of(draw.network), draw.field, draw.rng, plan, point)
    return _rows_at(draw, point, number, plan.twisted, 1)


def jacobian_rows(draw: Draw, count: int, order: int = SEARCH_ORDER) -> Rows:
    """`count` rows v^T J(theta, x), each with its own x and v.

    order: with flows, the number of coefficients of the power series.
    Raises UndecidedError where hardly any row is free of zero divisors and missing roots.
    """
    network, field, theta = draw.network, draw.field, draw.theta
    order = order if network.has_flows else 1
    found = list(batches(draw, count, order))
    coefficients = np.concatenate([d.coefficients for d in found], axis=1)[:, :count]
    if theta is None:
        merged = {
            n: np.concatenate([d.parameters[n] for d in found])[:count]
            for n in found[0].parameters
        }
    else:
        merged = {
            p.name: np.broadcast_to(theta[p.name], (count, *p.shape))
            for p in lower(network).parameters
        }
    if order == 1:
        return Rows(coefficients[0], merged, coefficients, np.zeros(coefficients.shape[1:]))
    weights = field.random(draw.rng, (order, count, 1))
    return Rows(
        field.sum(field.mul(weights, coefficients), (0,)), merged, coefficients,
        field.sum(field.mul(weights[1:], coefficients[:-1]), (0,)),
    )


class Lifted:
    """A program over residues, or over power series of residues where it has flows."""

    def __init__(
        self, network: Network, residues: ResidueDomain, batch: int, order: int = SEARCH_ORDER
    ) -> None:
        self._network, self._batch = lower(network), batch
        self.domain = SeriesDomain(residues, order, batch) if network.has_flows else residues

    def constant(self, a: Array) -> Array:
        """Residues as values of the domain."""
        if isinstance(self.domain, SeriesDomain):
            return self.domain.lift(np.broadcast_to(a, (self._batch, *a.shape[1:])))
        return a

    def values(
        self, parameters: Mapping[str, Array], inputs: Mapping[str, Array]
    ) -> list[Array]:
        """Every line, from residues."""
        return values(
            self._network, self.domain, {n: self.constant(v) for n, v in parameters.items()},
            {n: self.constant(v) for n, v in inputs.items()},
        )

    def values_after(
        self, before: Sequence[Array], changed: Mapping[str, Array]
    ) -> list[Array]:
        """Every line where these parameters are others (see `values_after`)."""
        return values_after(
            self._network, self.domain, before,
            {n: self.constant(v) for n, v in changed.items()})
