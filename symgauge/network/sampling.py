"""Random points over GF(p) and rows of the Jacobian there.

Every row has an input of its own and a random cotangent over all outputs: stacking the outputs
of few inputs undersamples and invents symmetries. Branches are picked at independent shadow
points in floats, clear of the boundaries of the cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.errors import UndecidedError
from symgauge.exact import balls
from symgauge.exact.linear_algebra import rank, series_rank
from symgauge.exact.prime_field import PrimeField
from symgauge.exact.rational import root_free
from symgauge.exact.running_rank import RunningRank
from symgauge.network.domains.balls import BallDomain
from symgauge.network.domains.reads import ReadsDomain
from symgauge.network.domains.real import RealDomain
from symgauge.network.domains.residues import ResidueDomain
from symgauge.network.domains.series import SeriesDomain
from symgauge.network.evaluate import cotangents, outputs, values
from symgauge.network.op import Array, Primitive
from symgauge.network.points import draw_input, has_tokens, real_inputs, residue_inputs
from symgauge.network.program import Network
from symgauge.network.ties import ties, untied

#: Entries of the lines of one chunk of rows that are held at once (about 0.5 GB of float64).
CHUNK_ENTRIES = 1 << 24
#: A branch counts as decided when its quantity is this far from 0, relative to its peers.
MARGIN = 1e-6
#: Rows beyond the number of unknowns: a false solution survives with probability p**-SPARE.
SPARE = 24
#: Shadow points tried for a balanced one, the first of them drawn at random; inputs of each.
SHADOWS, DRAWS, BALANCED_ON = 120, 30, 64
#: What a branch that is taken counts beside one that is balanced.
TAKEN = 1e-3
#: Inputs of a cell whose branches are taken, where values of FUNCTIONS or roots depend on them.
PATTERNS = 48
#: Cells of a network whose patterns are kept.
KEPT = 8
#: Ops whose values the residues take as independent.
FUNCTIONS = ("exp", "log", "erf", "sin", "cos")
#: Batches of rows without a new one after which the rank at a point is taken as found.
IDLE_BATCHES = 3
#: Bits of the balls that confirm what floats decide; failures borne for each confirmed pattern.
BRANCH_BITS, FAILURES = 384, 40
#: Radius of those balls.
RADIUS = Fraction(1, 1 << BRANCH_BITS)
#: Shadow inputs tried for a row whose branches are decided.
SHADOW_TRIES = 40
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


def read_coordinates(
    network: Network, domain: ReadsDomain | None = None
) -> npt.NDArray[np.bool_]:
    """Which coordinates of the flat parameter vector some output reads."""
    lowered, domain = network.lowered, domain or ReadsDomain()
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
    return parameters, real_inputs(network, rng, batch)


def branch_patterns(
    network: Network, parameters: Mapping[str, Array], rng: np.random.Generator, batch: int,
    rows: dict[str, Array] | None = None,
) -> list[Array]:
    """Patterns of the steps at `batch` shadow inputs, every branch quantity clear of 0.

    `parameters` has batch 1 (one shadow for all) or is empty (a fresh one for every row).
    `rows` are the inputs that the patterns are for: a shadow has its row's tokens, because other
    tokens may be in another cell. Rows whose tokens decide no branch (a maximum over equal
    tokens) become copies of rows that do. Floats alone decide nothing but in programs with flows.
    Raises UndecidedError where no input decides the branches.
    """
    if not network.piecewise:
        return []
    kept, undecided = shadow_patterns(network, parameters, rng, batch, rows or {})
    if undecided.all():
        raise UndecidedError(
            "the branches of this network are not decided at generic points: a branch quantity "
            "is identically 0 or too close to it"
        )
    if undecided.any():
        source = rng.choice(np.flatnonzero(~undecided), int(undecided.sum()))
        for k, b in enumerate(kept):
            kept[k][undecided] = b[source]
        for x in network.lowered.inputs:
            if x.classes and rows is not None:
                rows[x.name] = np.array(np.broadcast_to(rows[x.name], (batch, *x.shape)))
                rows[x.name][undecided] = rows[x.name][source]
    return kept


@np.errstate(all="ignore")
def shadow_patterns(
    network: Network, parameters: Mapping[str, Array], rng: np.random.Generator, batch: int,
    tokens: Mapping[str, Array],
) -> tuple[list[Array], npt.NDArray[np.bool_]]:
    """Patterns at shadow inputs with these tokens, and the rows at which a branch is undecided."""
    judge = None if network.has_flows else _Judge(
        network.germ, parameters, network.__dict__.get("_ties", ()))
    lowered, flows = network.germ, network.has_flows
    held = {x.name: tokens[x.name] for x in lowered.inputs if x.classes and x.name in tokens}
    kept: list[Array] = []
    tied: Sequence[Array | None] = () if judge is None else judge.ties
    asked = False
    undecided = np.ones(batch, dtype=bool)
    for _ in range(SHADOW_TRIES):
        drawn, inputs = draw_reals(lowered, rng, batch)
        inputs.update(held)
        domain = RealDomain(zero_decides=not flows, ties=tied)
        values(lowered, domain, parameters or drawn, inputs)
        assert domain.margin is not None
        good = undecided & np.broadcast_to(domain.margin > MARGIN, (batch,))
        good = good & _agreed(lowered, parameters or drawn, inputs, domain.branches, batch, tied)
        full = [np.broadcast_to(b, (batch, *b.shape[1:])) for b in domain.branches]
        if judge is not None:
            good &= judge.confirmed(parameters or drawn, inputs, full, good)
        if not kept:
            kept = [np.array(b) for b in full]
        for mine, new in zip(kept, full, strict=True):
            mine[good] = new[good]
        undecided &= ~good
        if not undecided.any():
            break
        if undecided.all() and judge is not None and not asked:
            # is there a branch that is none?
            asked = True
            tied = _ties(network)
            judge.know(tied)
    return kept, undecided


def _ties(network: Network) -> list[Array | None]:
    """The ties of the program's branches, found once for a network."""
    if "_ties" not in network.__dict__:
        network.__dict__["_ties"] = ties(network.germ)
    known: list[Array | None] = network.__dict__["_ties"]
    return known


def branches_below(network: Network, kinds: Sequence[str]) -> list[bool]:
    """For each branching line, in order, whether an argument of these ops depends on it."""
    nodes = network.germ.nodes
    needed: set[int] = set()
    for i in range(len(nodes) - 1, -1, -1):
        node = nodes[i]
        if node.op is not None and (i in needed or node.op.name in kinds):
            needed |= set(node.inputs)
    return [
        i in needed for i, n in enumerate(nodes)
        if isinstance(n.op, Primitive) and n.op.branches
    ]


def cell_patterns(
    network: Network, cell: Mapping[str, Array], tokens: Mapping[str, Array]
) -> tuple[list[Array], npt.NDArray[np.int64]]:
    """Patterns at some inputs of a cell, and which of them are decided.

    They are the same for the same cell and tokens: the rank is found on no other branches than
    those on which independence is tested.
    """
    texts = [
        b"".join(np.ascontiguousarray(t[n], dtype=np.float64).tobytes() for n in sorted(t))
        for t in (cell, tokens)
    ]
    # balls take their time, and every batch of rows asks for the same
    known: dict[bytes, tuple[list[Array], npt.NDArray[np.int64]]] = network.__dict__.setdefault(
        "_cell_patterns", {})
    key = hashlib.sha256(b"/".join(texts)).digest()
    if key not in known:
        if len(known) >= KEPT:
            known.clear()
        seed = int.from_bytes(hashlib.sha256(texts[0]).digest()[:8], "little")
        count = max((len(v) for v in tokens.values()), default=PATTERNS)
        patterns, undecided = shadow_patterns(
            network, cell, np.random.default_rng(seed), count, tokens
        )
        known[key] = patterns, np.flatnonzero(~undecided)
    return known[key]


def _agreed(
    network: Network, parameters: Mapping[str, Array], inputs: Mapping[str, Array],
    branches: Sequence[Array], batch: int, tied: Sequence[Array | None],
) -> npt.NDArray[np.bool_]:
    """Rows whose branches wider floats decide alike: (2^53 + 1) - 2^53 - 1/2 is positive."""
    wide = RealDomain(extended=True, ties=tied)
    values(
        network, wide, {n: v.astype(np.longdouble) for n, v in parameters.items()},
        {n: v.astype(np.longdouble) for n, v in inputs.items()},
    )
    same = np.ones(batch, dtype=bool)
    for one, two in zip(branches, wide.branches, strict=True):
        same &= (one == two).reshape(len(one), -1).all(axis=1)
    return same


class _Judge:
    """Patterns of branches confirmed in real balls: floats lose (z + 2^70) - 2^70 = z unseen.

    One point in whose neighbourhood a pattern stands is enough for it. `cell` are the parameters
    of all of them, or empty.
    """

    def __init__(
        self, program: Network, cell: Mapping[str, Array], tied: Sequence[Array | None],
    ) -> None:
        last = max(
            i for i, n in enumerate(program.nodes)
            if isinstance(n.op, Primitive) and n.op.branches)
        self._prefix = Network(program.nodes[:last + 1], (last,), program.ops)
        self._shown: set[bytes] = set()
        self._failures = 0
        self.ties = tied
        self._cell: dict[str, Array] = {}
        if cell:
            with balls.precision(BRANCH_BITS):
                self._cell = {n: balls.balls(v[0], RADIUS)[None] for n, v in cell.items()}

    def know(self, tied: Sequence[Array | None]) -> None:
        """What is tied decides from now on: the failures before that are forgotten."""
        self.ties, self._failures = tied, 0

    def confirmed(
        self, parameters: Mapping[str, Array], inputs: Mapping[str, Array],
        patterns: Sequence[Array], asked: npt.NDArray[np.bool_],
    ) -> npt.NDArray[np.bool_]:
        """Which of the rows that are asked for take their patterns in balls too."""
        out = np.zeros(len(asked), dtype=bool)
        classes = [x.name for x in self._prefix.inputs if x.classes]
        for k in np.flatnonzero(asked).tolist():
            wanted = [b[k] for b in patterns]
            key = hashlib.sha256(b"".join(a.astype(np.int64).tobytes() for a in (
                *wanted, *(inputs[n][k] for n in classes)))).digest()
            if key not in self._shown:
                # where no balls decide, asking on is in vain
                if self._failures > FAILURES * (1 + len(self._shown)):
                    continue
                theta, x = (
                    {n: v[min(k, len(v) - 1)] for n, v in t.items()} for t in (parameters, inputs))
                if not self._decided(theta, x, wanted):
                    self._failures += 1
                    continue
                self._shown.add(key)
            out[k] = True
        return out

    def _decided(
        self, theta: Mapping[str, Array], x: Mapping[str, Array], wanted: Sequence[Array]
    ) -> bool:
        domain = _BranchesInBalls(self.ties)
        exact = {y.name for y in self._prefix.inputs if y.classes}
        with balls.precision(BRANCH_BITS):
            parameters = self._cell or {
                n: balls.balls(v, RADIUS)[None] for n, v in theta.items()}
            given = {
                n: balls.balls(v, Fraction(0) if n in exact else RADIUS)[None]
                for n, v in x.items()
            }
            try:
                values(self._prefix, domain, parameters, given)
            except balls.Undecided:
                return False
        return all(
            np.array_equal(one, two[0])
            for one, two in zip(wanted, domain.met, strict=True)
        )


class _BranchesInBalls(BallDomain):
    """Balls that keep the branches that they meet."""

    def __init__(self, tied: Sequence[Array | None]) -> None:
        super().__init__()
        self.met: list[Array] = []
        self._ties = iter(tied)

    def step(self, a: Array) -> Array:
        return super().step(untied(a, next(self._ties, None), balls.ball(Fraction(0))))

    def ranking(self, a: Array, count: int) -> Array:
        return super().ranking(untied(a, next(self._ties, None), None), count)

    def one_hot(self, a: Array, count: int) -> Array:
        next(self._ties, None)
        return super().one_hot(a, count)

    def _pattern(self, pattern: Array) -> Array:
        self.met.append(pattern)
        return super()._pattern(pattern)


@np.errstate(all="ignore")
def balanced_shadow(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """A float parameter point at which every step is both on and off for many inputs.

    At a badly balanced point units are dead or act linearly and the rank is not generic. The best
    of some random points is improved: one tensor after the other is drawn anew, at some size.
    """
    lowered = network.germ
    if not network.piecewise:
        return draw_reals(lowered, rng, 1)[0]
    _, inputs = draw_reals(lowered, rng, BALANCED_ON)
    best: dict[str, Array] = {}
    highest = -1.0
    for trial in range(SHADOWS):
        drawn, _ = draw_reals(lowered, rng, 1)
        if trial >= DRAWS and best:
            name = lowered.parameters[rng.integers(len(lowered.parameters))].name
            anew = drawn[name] * 2.0 ** rng.integers(-2, 2)
            # all entries, or half of them
            some = rng.random(anew.shape) < rng.choice([0.5, 1.0])
            drawn = {**best, name: np.where(some, anew, best[name])}
        found = _balance(lowered, drawn, inputs)
        if found > highest:
            best, highest = drawn, found
    return best


def varied_shadow(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """A float parameter point of some size, its entries of many: rare branches of some are taken.

    A balanced point may have none of them, if it takes large entries to get there.
    """
    drawn, _ = draw_reals(network.germ, rng, 1)
    size = 2.0 ** rng.integers(0, 5)
    return {
        name: size * v * 2.0 ** rng.integers(-2, 3, size=v.shape) for name, v in drawn.items()}


def _balance(
    network: Network, parameters: Mapping[str, Array], inputs: Mapping[str, Array]
) -> float:
    """The mean over all branches of the root of the rarer side's share of these inputs.

    Next to it, how many are taken: a step of parameters alone has one side, better not 0.
    """
    domain = RealDomain()
    values(network, domain, parameters, inputs)
    shares = [(b != 0.0).reshape(len(b), -1).mean(axis=0) for b in domain.branches]
    rarer = np.concatenate([np.minimum(s, 1.0 - s) for s in shares])
    if not rarer.size:
        return 0.0
    return float(np.sqrt(rarer).mean() + TAKEN * np.concatenate(shares).mean())


def _chunk(network: Network, order: int) -> int:
    # a flow's trajectory is a series of series
    entries = sum(prod(n.shape) for n in network.nodes) * order**2
    return int(max(8, min(1024, CHUNK_ENTRIES // max(entries, 1))))


@dataclass(frozen=True)
class _Drawn:
    """Rows of one batch: coefficients, shape (order, rows, coordinates), and their points."""

    coefficients: Array
    parameters: dict[str, Array]


def _batches(
    network: Network, field: PrimeField, rng: np.random.Generator, count: int,
    theta: Mapping[str, Array] | None, shadow: Mapping[str, Array] | None, salt: int | None,
    tokens: Mapping[str, Array] | None, order: int,
) -> Iterator[_Drawn]:
    """At least `count` rows, batch by batch (see `jacobian_rows`)."""
    lowered, germ = network.lowered, network.germ
    salt = int(rng.integers(1 << 62)) if salt is None else salt
    plan = root_plan(network, field, theta is None)
    pool = None
    if shadow and any(branches_below(network, (*FUNCTIONS, "rsqrt"))):
        pool = cell_patterns(network, shadow, tokens or {})
        if not len(pool[1]):
            raise UndecidedError("no branch of this network is decided on the cell")
    have, tried = 0, 0
    first = int(rng.integers(1 << 30)) if tokens else 0  # each call goes on elsewhere
    while have < count:
        batch = min(_chunk(lowered, order), max(8, 2 * (count - have)) if tried else count)
        parameters = {
            p.name: theta[p.name] if theta is not None else field.random(rng, (batch, *p.shape))
            for p in lowered.parameters
        }
        inputs = residue_inputs(lowered, field, rng, batch)
        for name, listed in (tokens or {}).items():
            inputs[name] = listed[(first + tried + np.arange(batch)) % len(listed)]
        if pool is None:
            patterns = branch_patterns(network, shadow or {}, rng, batch, inputs)
        else:
            listed_patterns, decided = pool
            at = decided[(first + tried + np.arange(batch)) % len(decided)]
            patterns = [b[at] for b in listed_patterns]
            inputs.update({n: v[at] for n, v in (tokens or {}).items()})
        settle_roots(germ, field, rng, salt, plan, parameters, inputs, patterns)
        domain = ResidueDomain(field, salt, batch, patterns, plan.twisted)
        lifted = Lifted(network, domain, batch, order)
        lines = lifted.values(parameters, inputs)
        good = np.broadcast_to(domain.valid, (batch,))
        tried += batch
        if good.any():
            seeds = [
                lifted.constant(field.random(rng, (batch, *lowered.nodes[i].shape)))
                for i in lowered.outputs
            ]
            rows = cotangents(lowered, lifted.domain, lines, seeds)
            flat = [rows[p.name].reshape(order, batch, -1) for p in lowered.parameters]
            joined = np.concatenate(flat, axis=2)
            # a theta that all rows share is not copied for each of them
            points = {
                n: np.broadcast_to(v, (batch, *v.shape[1:]))[good]
                for n, v in parameters.items() if theta is None
            }
            have += int(good.sum())
            yield _Drawn(joined if good.all() else joined[:, good], points)
        if tried > 64 * count + 20000:
            raise UndecidedError(
                f"only {have} of {tried} random points had a root for every square root and no "
                "division by zero"
            )


def jacobian_rows(
    network: Network,
    field: PrimeField,
    rng: np.random.Generator,
    count: int,
    theta: Mapping[str, Array] | None = None,
    shadow: Mapping[str, Array] | None = None,
    salt: int | None = None,
    tokens: Mapping[str, Array] | None = None,
    order: int = SEARCH_ORDER,
) -> Rows:
    """`count` rows v^T J(theta, x), each with its own x and v.

    theta: residues with batch 1, the same for all rows; None draws a fresh theta for each row.
    shadow: the float point whose cell the rows live on; None takes a fresh cell for each row.
    salt: which residues stand for transcendental values; a theta with roots has one of its own.
    tokens: token inputs to take in turn (see `draw_tokens`); None draws fresh ones.
    order: with flows, the number of coefficients of the power series.
    Raises UndecidedError where hardly any row is free of zero divisors and missing roots.
    """
    order = order if network.has_flows else 1
    found = list(_batches(network, field, rng, count, theta, shadow, salt, tokens, order))
    coefficients = np.concatenate([d.coefficients for d in found], axis=1)[:, :count]
    if theta is None:
        merged = {
            n: np.concatenate([d.parameters[n] for d in found])[:count]
            for n in found[0].parameters
        }
    else:
        merged = {
            p.name: np.broadcast_to(theta[p.name], (count, *p.shape))
            for p in network.lowered.parameters
        }
    if order == 1:
        return Rows(coefficients[0], merged, coefficients, np.zeros(coefficients.shape[1:]))
    weights = field.random(rng, (order, count, 1))
    return Rows(
        field.sum(field.mul(weights, coefficients), (0,)), merged, coefficients,
        field.sum(field.mul(weights[1:], coefficients[:-1]), (0,)),
    )


def _add_rows(
    running: RunningRank, patience: int | None, read: npt.NDArray[np.bool_], network: Network,
    field: PrimeField, rng: np.random.Generator, count: int, theta: Mapping[str, Array],
    cell: Mapping[str, Array], salt: int, tokens: Mapping[str, Array] | None,
) -> None:
    """Reduce `count` rows at theta as they are made; fewer once `patience` in a row were spare."""
    left = count
    for drawn in _batches(network, field, rng, count, theta, cell, salt, tokens, 1):
        rows = drawn.coefficients[0, :left]
        running.add(rows if read.all() else rows[:, read])
        left -= len(rows)
        if running.full or patience is not None and running.idle >= patience:
            break


class Lifted:
    """A program over residues, or over power series of residues where it has flows."""

    def __init__(
        self, network: Network, residues: ResidueDomain, batch: int, order: int = SEARCH_ORDER
    ) -> None:
        self._network, self._batch = network.lowered, batch
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


# -- square roots --------------------------------------------------------------------------------


@dataclass(frozen=True)
class RootPlan:
    """How to reach points where every radicand is a square: slices to redraw, one after another.

    Each stage redraws one slice of a tensor until the radicands that no later stage touches
    are squares. With `twisted` no such order was found, and y^2 v = -1 stands in where v is none.
    """

    stages: tuple[tuple[str, int, int, npt.NDArray[np.bool_]], ...]
    twisted: bool = False


#: Radicands that one stage may wait for: 2**MAX_TOGETHER draws are expected.
MAX_TOGETHER = 9
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
    lowered = network.germ
    if not network.uses("rsqrt"):
        return RootPlan(())
    constants = [
        lowered.arguments.get(i) for i, n in enumerate(lowered.nodes)
        if lowered.is_constant[i] and n.op is not None and n.op.name == "rsqrt"
    ]
    if has_tokens(network) or any(c is None for c in constants) or any(
            field.character(np.array(float(root_free(r)[1] % field.p))) != 1.0
            for c in constants if c is not None for r in c.table if r > 0):
        # one theta must serve many sequences: too many radicands at once; a constant is moved
        # by nothing
        return RootPlan((), True)
    rng = np.random.default_rng(0)
    if _never_together(network, field, rng):
        return RootPlan((), True)
    tensors = [(x.name, x.shape) for x in lowered.inputs]
    if free:
        tensors += [(p.name, p.shape) for p in lowered.parameters]
    batch = 4
    parameters = {p.name: field.random(rng, (batch, *p.shape)) for p in lowered.parameters}
    inputs = residue_inputs(lowered, field, rng, batch)
    patterns = branch_patterns(network, {}, rng, batch, inputs)

    def radicands() -> Array:
        return _radicands(network, field, parameters, inputs, patterns, batch)

    base = radicands()
    _, first = np.unique(base, axis=1, return_index=True)
    distinct = np.zeros(base.shape[1], dtype=bool)
    distinct[first] = True
    reach: list[tuple[str, int, int, npt.NDArray[np.bool_]]] = []
    for name, shape in tensors:
        table = inputs if name in inputs else parameters
        axes = range(len(shape)) if name in inputs else range(min(1, len(shape)))
        for axis in axes:
            for index in range(shape[axis] if shape[axis] <= 64 else 0):
                kept = table[name]
                table[name] = _redrawn(kept, axis, index, field, rng)
                reach.append((name, axis, index, (radicands() != base).any(axis=0)))
                table[name] = kept
    stages: list[tuple[str, int, int, npt.NDArray[np.bool_]]] = []
    covered = np.zeros(base.shape[1], dtype=bool)
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
    lowered = network.germ
    lines = values(
        lowered, ResidueDomain(field, 1, batch, patterns, True), parameters, inputs)
    parts = [
        np.broadcast_to(lines[n.inputs[0]], (batch, *lines[n.inputs[0]].shape[1:]))
        for n in lowered.nodes if n.op is not None and n.op.name == "rsqrt"
    ]
    return np.concatenate([part.reshape(batch, -1) for part in parts], axis=1)


def _never_together(network: Network, field: PrimeField, rng: np.random.Generator) -> bool:
    """Whether the product of two radicands is never a square: q and 17 q have no roots at once."""
    lowered, batch = network.germ, TWO_AT_ONCE
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
    network: Network, field: PrimeField, rng: np.random.Generator, salt: int, plan: RootPlan,
    parameters: dict[str, Array], inputs: dict[str, Array], patterns: Sequence[Array],
) -> None:
    """Redraw slices of parameters and inputs in place until the plan's radicands are squares."""
    if not plan.stages:
        return
    last = max(i for i, n in enumerate(network.nodes) if n.op and n.op.name == "rsqrt")
    prefix = Network(network.nodes[:last + 1], (last,), network.ops)
    batch = max(len(v) for v in (*parameters.values(), *inputs.values()))
    for name, axis, index, final in plan.stages:
        table = inputs if name in inputs else parameters
        wrong = np.arange(batch)
        for _ in range(24 * 2 ** min(int(final.sum()), MAX_TOGETHER)):
            # only the rows that still miss a root are evaluated again
            domain = ResidueDomain(
                field, salt, len(wrong), [b[wrong] for b in patterns]
            )
            values(prefix, domain, _rows_of(parameters, wrong), _rows_of(inputs, wrong))
            wrong = wrong[(_missing(domain, len(wrong)) & final).any(axis=1)]
            if not len(wrong):
                break
            at: Any = (wrong, *(slice(None),) * axis, index)
            table[name][at] = field.random(rng, table[name][at].shape)


def _rows_of(table: Mapping[str, Array], rows: npt.NDArray[np.int64]) -> dict[str, Array]:
    return {n: v if len(v) == 1 else v[rows] for n, v in table.items()}


def evaluate_at(
    network: Network, field: PrimeField, salt: int, parameters: Mapping[str, Array],
    inputs: Mapping[str, Array], patterns: Sequence[Array] = (), twisted: bool = False,
) -> tuple[list[Array], ResidueDomain]:
    """The output values over GF(p), and the domain that tells which rows are valid.

    `twisted`: as in the plan by which points with roots were found.
    """
    batch = max((len(v) for v in (*inputs.values(), *parameters.values())), default=1)
    domain = ResidueDomain(field, salt, batch, patterns, twisted)
    lifted = Lifted(network, domain, batch)
    found = outputs(network.lowered, lifted.values(parameters, inputs))
    # a series counts as one value: its coefficients stand side by side
    return [
        v if len(v) <= batch else np.moveaxis(
            v.reshape(-1, batch, *v.shape[1:]), 0, 1).reshape(batch, -1)
        for v in found
    ], domain


def few_tokens(network: Network, count: int) -> bool:
    """Whether all inputs are tokens, and there are no more than `count` of them."""
    number = 1
    for x in network.inputs:
        number *= x.classes ** prod(x.shape[:-1]) if x.classes else count + 1
    return has_tokens(network) and number <= count


def draw_tokens(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """Token inputs for one theta: as many as there are rows of the Jacobian.

    The rank and the test of independence take the same ones.
    """
    count = network.num_coordinates + 2 * SPARE
    drawn = {
        x.name: draw_input(x, rng, count, rng.random) for x in network.inputs if x.classes
    }
    if few_tokens(network, count):
        # all of them, in turn: a drawn sample may leave one out
        number = np.arange(count)
        for x in network.inputs:
            for where in np.ndindex(*x.shape[:-1]):
                drawn[x.name][(slice(None), *where)] = np.eye(x.classes)[number % x.classes]
                number = number // x.classes
    elif ids_decide(network):
        # one id at all places is rare, and decides much: nothing but padding, a largest id of 0
        same = np.arange(min(count, max((x.classes for x in network.inputs), default=0)))
        for x in network.inputs:
            if x.classes:
                alike = np.eye(x.classes)[same % x.classes]
                alike = alike.reshape(len(same), *(1,) * (len(x.shape) - 1), x.classes)
                alike = np.broadcast_to(alike, (len(same), *x.shape))
                drawn[x.name] = np.concatenate([drawn[x.name], alike])
    return drawn


def ids_decide(network: Network) -> bool:
    """Whether something else is made of token ids than rows of a table."""
    return any(n.op is not None and n.op.name == "tabulated" for n in network.nodes)


def draw_theta(
    network: Network, field: PrimeField, rng: np.random.Generator
) -> tuple[dict[str, Array], int]:
    """One exact random theta, at which some input has a root for every root, and its salt."""
    salt = int(rng.integers(1 << 62))
    if not network.uses("rsqrt"):
        return {p.name: field.random(rng, (1, *p.shape)) for p in network.parameters}, salt
    rows = jacobian_rows(network, field, rng, 1, salt=salt)
    return {n: v[:1] for n, v in rows.parameters.items()}, salt


def rank_at_point(
    network: Network, field: PrimeField, rng: np.random.Generator,
    read: npt.NDArray[np.bool_], cell: Mapping[str, Array],
    tokens: Mapping[str, Array] | None = None, wanted: int | None = None,
    order: int = RANK_ORDER,
) -> int:
    """Rank of the Jacobian at one exact random theta: never above the generic rank.

    `cell` is a shadow point: with branches, the rank is that of its cell, and rows are added
    until it has stopped growing (near the boundary of a cell it grows slowly), also where the same
    few token inputs come again and again. A `wanted` rank is waited for longer. With flows it is
    the rank over power series, by minors modulo s^order.
    """
    count = int(read.sum()) + SPARE
    theta, salt = draw_theta(network, field, rng)
    # what ids decide is decided by few of them: every drawn sequence counts, and again
    given = max((len(v) for v in (tokens or {}).values()), default=0)
    rare = few_tokens(network, max(count, given)) or ids_decide(network)
    if rare:
        count = max(count, given)
    if network.has_flows:
        return _series_rank_at(network, field, rng, read, cell, tokens, wanted, order, theta, salt)
    # a row that could be new is new but for bad luck, unless tokens or branches make it a rare one
    patience = None if cell or has_tokens(network) else SPARE
    running = RunningRank(int(read.sum()), field.p)
    _add_rows(running, patience, read, network, field, rng, count, theta, cell, salt, tokens)
    found, idle = running.rank, 0
    while (cell or rare) and not running.full and idle < _patience(
            found, wanted):
        _add_rows(running, None, read, network, field, rng, max(32, count // 2), theta, cell,
                  salt, tokens)
        idle = idle + 1 if running.rank == found else 0
        found = running.rank
    return found


def _patience(found: int, wanted: int | None) -> int:
    """Batches without a new row after which the rank is taken as found."""
    return IDLE_BATCHES if wanted is None else 1 if found >= wanted else 8 * IDLE_BATCHES


def _series_rank_at(
    network: Network, field: PrimeField, rng: np.random.Generator,
    read: npt.NDArray[np.bool_], cell: Mapping[str, Array],
    tokens: Mapping[str, Array] | None, wanted: int | None, order: int,
    theta: Mapping[str, Array], salt: int,
) -> int:
    """`rank_at_point` with flows, over power series."""
    count = int(read.sum()) + SPARE
    rows = jacobian_rows(
        network, field, rng, count, theta, cell, salt, tokens, order).read(read)
    found, idle = rows.rank(field.p), 0
    while cell and found < rows.rows.shape[1] and idle < _patience(found, wanted):
        more = jacobian_rows(
            network, field, rng, max(32, count // 2), theta, cell, salt, tokens, order
        )
        rows = rows.and_more(more.read(read))
        grown = rows.rank(field.p)
        idle = idle + 1 if grown == found else 0
        found = grown
    return found
