"""Finding a minor of J that balls show not to be 0: float64 proposes, balls decide.

A pool of rows of J (some output entries at each of many inputs, at one rational point) is
evaluated in float64; rows and columns are picked greedily by the norm that is left (Gram-Schmidt
with pivoting). Where floats are too coarse for that, or the rank is less than asked for, more rows
than are needed are evaluated in balls and eliminated there with complete pivoting.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import prod

import numpy as np
import numpy.typing as npt

from symgauge.certify.evidence.balls import BITS, Minor, Point, determinant, jacobian
from symgauge.domains.evaluate import cotangents, values
from symgauge.domains.real import RealDomain
from symgauge.errors import BadInputError
from symgauge.exact import balls
from symgauge.exact.balls import Undecided
from symgauge.points.cells import MARGIN, draw_reals
from symgauge.points.rows import CHUNK_ENTRIES, SPARE
from symgauge.program.array import Array
from symgauge.program.lower import lower
from symgauge.program.network import Network
from symgauge.progress import Progress, silent

#: Points and inputs are multiples of 1/GRID.
GRID = 1 << 10
#: Output entries that are looked at for each input of the pool.
ENTRIES = 6
#: Rows of the first pool, as a multiple of the rank asked for; pools grow by GROWTH.
ROWS, GROWTH, POOLS = 4, 4, 3
#: Norm that is left, relative to the first, below which floats do not see a further row.
SEEN = 1e-13
#: Sizes of parameters that are tried where functions may have no value, at so many inputs each.
SIZES, TRIED = (1.0, 0.125), 8
#: Points tried where none reaches the rank asked for.
POINTS = 2
#: Multiplications of one elimination in balls at most.
MAX_ELIMINATION = 1 << 27


def find(
    network: Network, read: npt.NDArray[np.bool_], cell: Mapping[str, Array], wanted: int,
    rng: np.random.Generator, progress: Progress = silent,
) -> tuple[Minor, int]:
    """A minor, and its rank.

    Raises BadInputError for flows of vector fields, which balls do not reach.
    """
    if network.has_flows:
        raise BadInputError(
            "this network has flows of vector fields (ode_flow), which balls do not reach: certify "
            "it without them, over power series"
        )
    minor = find_minor(network, read, cell, wanted, rng, progress)
    return minor, minor.rank


def find_minor(
    network: Network, read: npt.NDArray[np.bool_], cell: Mapping[str, Array], wanted: int,
    rng: np.random.Generator, progress: Progress = silent,
) -> Minor:
    """A minor of `wanted` rows, or of as many as are found; it is shown not to be 0.

    `wanted` is the rank that closes the sandwich: no higher one exists.
    """
    best: Minor | None = None
    for attempt in range(1 if cell else POINTS):
        progress(f"balls: point {attempt + 1}")
        found, exhausted = _at_a_point(network, read, cell, wanted, rng, progress)
        if best is None or found.rank > best.rank:
            best = found
        if best.rank >= wanted or exhausted:
            break
    assert best is not None
    return best


@dataclass(frozen=True)
class _Pool:
    """Rows of J in float64, and the input and output entry of each."""

    theta: Point
    inputs: Sequence[Point]
    places: Sequence[tuple[int, int]]
    rows: Array


def _at_a_point(
    network: Network, read: npt.NDArray[np.bool_], cell: Mapping[str, Array], wanted: int,
    rng: np.random.Generator, progress: Progress,
) -> tuple[Minor, bool]:
    """The best minor at one point, and whether another point is not worth a try."""
    theta = _draw_theta(network, cell, rng)
    empty = Minor(theta, (), (), (), BITS[0], "1")
    if not wanted:
        return empty, True
    size = ROWS * wanted + SPARE
    for k in range(POOLS):
        pool = _pool(network, theta, size, rng)
        order, left = _greedy(pool.rows[:, read], min(wanted + SPARE, len(pool.rows)))
        seen = int((left > SEEN).sum())
        if seen >= wanted or k == POOLS - 1:
            break
        size *= GROWTH
    best = _chosen_by_floats(network, pool, order, left, read, wanted, progress) or empty
    work = len(order) * int(read.sum()) * wanted
    for bits in BITS[1::2] if work <= MAX_ELIMINATION else ():
        if best.rank >= wanted:
            break
        rows, columns = _eliminated(network, pool, order, read, wanted, bits, progress)
        if len(rows) > best.rank:
            higher = [b for b in BITS if b >= bits]
            best = _certified(network, pool, rows, columns, higher, progress) or best
        # what neither floats nor as many bits see is not there, or far below any use of it
        if best.rank >= seen:
            break
    return best, best.rank >= min(seen, wanted)


def _chosen_by_floats(
    network: Network, pool: _Pool, order: Sequence[int], left: Array, read: npt.NDArray[np.bool_],
    wanted: int, progress: Progress,
) -> Minor | None:
    """The minor of the rows and columns that floats pick; of fewer ones where it is not shown."""
    coordinates = np.flatnonzero(read)
    tried = wanted + 1
    for floor in (SEEN, 1e-10, 1e-7):
        count = min(int((left > floor).sum()), wanted)
        if count in (0, tried):
            continue
        tried, rows = count, list(order[:count])
        columns, _ = _greedy(_seen(pool.rows[rows][:, read]), count)
        minor = _certified(network, pool, rows, coordinates[columns].tolist(), BITS[:2], progress)
        if minor is not None:
            return minor
    return None


def _certified(
    network: Network, pool: _Pool, rows: Sequence[int], columns: Sequence[int],
    precisions: Sequence[int], progress: Progress,
) -> Minor | None:
    """The minor of these rows and columns, at the first precision that decides it."""
    places = sorted(pool.places[k] for k in rows)
    used = sorted({i for i, _ in places})
    number = {i: k for k, i in enumerate(used)}
    minor = Minor(
        pool.theta, tuple(pool.inputs[i] for i in used),
        tuple((number[i], o) for i, o in places), tuple(sorted(columns)), precisions[0], "",
    )
    for bits in precisions:
        progress(f"balls: minor of {len(columns)} rows, {bits} bits")
        minor = replace(minor, bits=bits)
        found = determinant(network, minor)
        if found is not None:
            return replace(minor, determinant=found)
    return None


def _eliminated(
    network: Network, pool: _Pool, order: Sequence[int], read: npt.NDArray[np.bool_],
    wanted: int, bits: int, progress: Progress,
) -> tuple[list[int], list[int]]:
    """Rows of the pool and coordinates of a minor, by elimination in balls."""
    progress(f"balls: elimination, {bits} bits")
    kept: list[int] = []
    parts = []
    for i in sorted({pool.places[k][0] for k in order}):
        mine = [k for k in order if pool.places[k][0] == i]
        entries = [pool.places[k][1] for k in mine]
        try:
            found = jacobian(network, pool.theta, pool.inputs[i], entries, bits)
        except Undecided:
            continue
        kept += mine
        parts.append(found[:, read])
    if not parts:
        return [], []
    with balls.precision(bits):
        rows, columns = balls.pivots(np.concatenate(parts), wanted)
    return [kept[k] for k in rows], np.flatnonzero(read)[columns].tolist()


# -- float64 proposes ----------------------------------------------------------------------------


def _greedy(matrix: Array, count: int) -> tuple[list[int], Array]:
    """Rows by the norm that earlier ones leave, and these norms (rows have norm 1 first)."""
    rest = _scaled(matrix)
    norms = np.linalg.norm(rest, axis=1, keepdims=True)
    rest = np.divide(rest, norms, out=rest, where=norms > 0.0)
    basis = np.zeros((0, matrix.shape[1]))
    order: list[int] = []
    left = []
    free = np.ones(len(matrix), dtype=bool)
    for _ in range(min(count, len(matrix))):
        sizes = np.where(free, np.linalg.norm(rest, axis=1), -1.0)
        k = int(np.argmax(sizes))
        order.append(k)
        left.append(max(float(sizes[k]), 0.0))
        free[k] = False
        # once more against all before it: rounding piles up
        direction = rest[k] - (rest[k] @ basis.T) @ basis
        size = np.linalg.norm(direction)
        if size > 0.0:
            direction = direction / size
            basis = np.concatenate([basis, direction[None]])
            rest = rest - np.outer(rest @ direction, direction)
    return order, np.array(left)


def _scaled(matrix: Array) -> Array:
    """Each row over its largest entry: their squares do not overflow."""
    largest = np.abs(matrix).max(axis=1, initial=0.0, keepdims=True)
    out: Array = np.divide(matrix, largest, out=np.zeros_like(matrix), where=largest > 0.0)
    return out


def _seen(rows: Array) -> Array:
    """The columns as rows, without those in which rounding errors alone stand."""
    columns = np.array(_scaled(rows).T)
    columns[np.abs(columns).max(axis=1, initial=0.0) < SEEN] = 0.0
    return columns


def _fractions(a: Array) -> Array:
    out = np.empty(a.shape, dtype=object)
    out.reshape(-1)[:] = [Fraction(v) for v in a.reshape(-1).tolist()]
    return out


def _rounded(a: Array) -> Array:
    out: Array = np.rint(a * GRID) / GRID
    return out


def _draw_theta(network: Network, cell: Mapping[str, Array], rng: np.random.Generator) -> Point:
    """That of the cell; else one at which the program has values at some inputs, where it is found.

    Random parameters may lie outside of the domain of a logarithm or of a root, wherever the inputs
    are: positive ones are tried then, and smaller ones.
    """
    lowered = lower(network)
    drawn = cell or draw_reals(lowered, rng, 1)[0]
    points: list[Point] = []
    for moved in (drawn,) if cell else _turned(drawn):
        points.append({p.name: _fractions(np.asarray(moved[p.name]).reshape(p.shape))
                       for p in network.parameters})
        if cell or _rows_at(lowered, points[-1], TRIED, 1, rng)[0]:
            return points[-1]
    return points[0]


def _turned(drawn: Mapping[str, Array]) -> Iterator[Mapping[str, Array]]:
    for size in SIZES:
        yield {n: _rounded(size * a) for n, a in drawn.items()}
        yield {n: _rounded(size * np.abs(a)) for n, a in drawn.items()}


def _pool(network: Network, theta: Point, size: int, rng: np.random.Generator) -> _Pool:
    """About `size` rows at inputs where floats decide every branch and every value is a number."""
    lowered = lower(network)
    per = min(ENTRIES, sum(prod(lowered.nodes[i].shape) for i in lowered.outputs))
    entries = sum(prod(n.shape) for n in lowered.nodes)
    left, chunk = -(-size // per), max(8, CHUNK_ENTRIES // max(entries, 1))
    points: list[Point] = []
    places: list[tuple[int, int]] = []
    blocks = [np.zeros((0, lowered.num_coordinates))]
    while left > 0:
        found, chosen, rows = _rows_at(lowered, theta, min(left, chunk), per, rng)
        left -= chunk
        places += [(len(points) + n, int(o)) for n, listed in enumerate(chosen) for o in listed]
        points += found
        blocks.append(rows)
    return _Pool(theta, points, places, np.concatenate(blocks))


def _rows_at(
    lowered: Network, theta: Point, batch: int, per: int, rng: np.random.Generator
) -> tuple[list[Point], Array, Array]:
    """The usable ones of `batch` random inputs, output entries of each, and the rows of J there."""
    shapes = [lowered.nodes[i].shape for i in lowered.outputs]
    total = sum(prod(shape) for shape in shapes)
    cuts = np.cumsum([prod(shape) for shape in shapes])[:-1]
    floats = {n: a.astype(np.float64)[None] for n, a in theta.items()}
    _, inputs = draw_reals(lowered, rng, batch)
    for x in lowered.inputs:
        if not x.classes:
            inputs[x.name] = _rounded(inputs[x.name])
    chosen = np.argsort(rng.random((batch, total)), axis=1)[:, :per]
    domain, blocks = RealDomain(), []
    with np.errstate(all="ignore"):
        lines = values(lowered, domain, floats, inputs)
        for k in range(per):
            hot = (chosen[:, k, None] == np.arange(total)).astype(np.float64)
            parts = zip(np.split(hot, cuts, axis=1), shapes, strict=True)
            rows = cotangents(
                lowered, domain, lines, [part.reshape(batch, *shape) for part, shape in parts])
            blocks.append(np.concatenate(
                [rows[p.name].reshape(batch, -1) for p in lowered.parameters], axis=1))
    jac = np.stack(blocks, axis=1)
    good = np.isfinite(jac).all(axis=(1, 2))
    for i in lowered.outputs:
        good &= np.isfinite(lines[i]).reshape(len(lines[i]), -1).all(axis=1)
    if domain.margin is not None:
        good &= np.broadcast_to(domain.margin > MARGIN, (batch,))
    kept = np.flatnonzero(good)
    points: list[Point] = [
        {
            x.name: _fractions(
                inputs[x.name][k].argmax(axis=-1).astype(np.float64) if x.classes
                else inputs[x.name][k])
            for x in lowered.inputs
        }
        for k in kept
    ]
    return points, chosen[kept], jac[kept].reshape(-1, jac.shape[2])
