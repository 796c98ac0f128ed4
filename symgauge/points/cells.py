"""Cells: which side every branch of a network takes, at shadow points in floats.

A shadow point is drawn independently of the residues, and clear of the boundaries of the cells.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import values
from symgauge.domains.real import RealDomain
from symgauge.domains.ties import ties
from symgauge.errors import UndecidedError
from symgauge.points.inputs import real_inputs
from symgauge.points.judge import Judge
from symgauge.program.array import Array
from symgauge.program.lower import germ_of, is_piecewise, lower
from symgauge.program.network import Network
from symgauge.program.op import Primitive

#: A branch counts as decided when its quantity is this far from 0, relative to its peers.
MARGIN = 1e-6
#: Shadow points tried for a balanced one, the first of them drawn at random; inputs of each.
SHADOWS, DRAWS, BALANCED_ON = 120, 30, 64
#: Powers of 2 by which a tensor is drawn larger or smaller: small weights reach no clamp at 7.
SIZES = (-2, 6)
#: What a branch that is taken counts beside one that is balanced.
TAKEN = 1e-3
#: Inputs of a cell whose branches are taken, where values of FUNCTIONS or roots depend on them.
PATTERNS = 48
#: Cells of a network whose patterns are kept.
KEPT = 8
#: Shadow inputs tried for a row whose branches are decided.
SHADOW_TRIES = 40


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
    if not is_piecewise(network):
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
        for x in lower(network).inputs:
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
    judge = None if network.has_flows else Judge(
        germ_of(network), parameters, network.__dict__.get("_ties", ()))
    lowered, flows = germ_of(network), network.has_flows
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
        network.__dict__["_ties"] = ties(germ_of(network))
    known: list[Array | None] = network.__dict__["_ties"]
    return known


def branches_below(network: Network, kinds: Sequence[str]) -> list[bool]:
    """For each branching line, in order, whether an argument of these ops depends on it."""
    nodes = germ_of(network).nodes
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


@np.errstate(all="ignore")
def balanced_shadow(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """A float parameter point at which every step is both on and off for many inputs.

    At a badly balanced point units are dead or act linearly and the rank is not generic. The best
    of some random points is improved: one tensor after the other is drawn anew, at some size.
    """
    lowered = germ_of(network)
    if not is_piecewise(network):
        return draw_reals(lowered, rng, 1)[0]
    _, inputs = draw_reals(lowered, rng, BALANCED_ON)
    best: dict[str, Array] = {}
    highest = -1.0
    for trial in range(SHADOWS):
        drawn, _ = draw_reals(lowered, rng, 1)
        if trial >= DRAWS and best:
            drawn = _with_one_anew(best, drawn, rng)
        found = _balance(lowered, drawn, inputs)
        if found > highest:
            best, highest = drawn, found
    return best


def near_shadow(
    network: Network, rng: np.random.Generator, shadow: Mapping[str, Array]
) -> dict[str, Array]:
    """A point beside a shadow point: of one tensor all or half of the entries are others."""
    return _with_one_anew(shadow, draw_reals(germ_of(network), rng, 1)[0], rng)


def _with_one_anew(
    shadow: Mapping[str, Array], drawn: Mapping[str, Array], rng: np.random.Generator
) -> dict[str, Array]:
    """The shadow point with one tensor of those drawn, at some size: all entries, or half."""
    name = list(drawn)[rng.integers(len(drawn))]
    anew = drawn[name] * 2.0 ** rng.integers(*SIZES)
    some = rng.random(anew.shape) < rng.choice([0.5, 1.0])
    return {**shadow, name: np.where(some, anew, shadow[name])}


def varied_shadow(network: Network, rng: np.random.Generator) -> dict[str, Array]:
    """A float parameter point of some size, its entries of many: rare branches of some are taken.

    A balanced point may have none of them, if it takes large entries to get there.
    """
    drawn, _ = draw_reals(germ_of(network), rng, 1)
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
