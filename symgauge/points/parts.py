"""A lower bound of the rank of the Jacobian from a block triangular minor, at a special point.

The rank at any point is at most the generic one, so the point may be chosen. On a residual stream
x_j = x_{j-1} + b_j every summand is made to write a window of a few coordinates, that of the next
one starting no earlier: entries that write others are 0 there. A row whose cotangent at the last
line of the stream is 0 but in coordinate k sees nothing of what summands read whose window starts
later, and of what writes the stream a few entries. So with the rows of coordinate 1, 2, ... and
columns by the first coordinate that sees them

    J = (D_1 0 0; * D_2 0; * * D_3),    rank J >= rank D_1 + rank D_2 + rank D_3.

What the rows of the first coordinates annul, the later ones may see: D_k has as further columns
J w for vectors w with row . w = 0 for all rows before, which are 0 there and so leave the triangle.
What a row sees is read off the rows themselves, exactly: the bound holds whatever was assumed.
n x n elimination becomes d times (n/d) x (n/d), for d coordinates: 1/d^2 of the work.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import overload

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import cotangents, pulled, values
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.blocks import NumpyBlocks
from symgauge.exact.linear_algebra import rank
from symgauge.exact.prime_field import PrimeField
from symgauge.exact.running_rank import RunningRank
from symgauge.points.draw import Draw, Point, joined
from symgauge.points.inputs import residue_inputs
from symgauge.points.rank import draw_theta, field_of_rank, rank_at_point
from symgauge.points.reads import read_coordinates
from symgauge.points.roots import root_plan, settle_roots
from symgauge.points.rows import chunk_of
from symgauge.points.stream import Stream, Summand, stream_of, writing_alone
from symgauge.program.array import Array
from symgauge.program.lower import is_piecewise, lower
from symgauge.program.network import Network

Mask = npt.NDArray[np.bool_]
#: Coordinates from which one elimination takes longer than those of the parts, and their points.
MANY = 4000
#: Rows from which it is read off what the rows of a group see, and how many of them an input gives:
#: enough inputs to meet every token.
FIRST_ROWS, FIRST_EACH = 512, 2
#: Spare rows, as a multiple of those that one input gives, after which a rank is taken as found.
SPARE_INPUTS = 8


def rank_by_parts(draw: Draw, read: Mask, wanted: int) -> int | None:
    """A lower bound of the rank, at a point of its own; None where `wanted` is not reached.

    Not below MANY coordinates; not for programs with branches, with flows, or without a residual
    stream.
    """
    network = lower(draw.network)
    if int(read.sum()) < MANY or network.has_flows or is_piecewise(network):
        return None
    stream = stream_of(network)
    if stream is None:
        return None
    field = field_of_rank(draw.network, draw.field, int(read.sum()))
    theta, salt = draw_theta(draw.network, field, draw.rng)
    draw = replace(draw, field=field, theta=theta, salt=salt)
    windows = _windows(stream, draw)
    if windows is None:
        return None
    draw = replace(draw, theta=_special(stream, windows, draw))
    rows, triangle = _Rows(network, stream.last, draw), Triangle(read, field, draw.rng)
    for k in range(stream.width):
        triangle.add(rows.of(k), SPARE_INPUTS * rows.each, windows.left_after(k))
        if triangle.rank + triangle.left < wanted:
            return None
    return triangle.rank if triangle.rank >= wanted else None


class Triangle:
    """The rank of a block triangular matrix, from the rows of one block after another.

    read: the columns that count.
    """

    def __init__(self, read: Mask, field: PrimeField, rng: np.random.Generator) -> None:
        self.rank = 0
        self._seen, self._field, self._rng = ~read, field, rng
        #: Random vectors with row . w = 0 for all rows that were taken, shape (columns, any).
        self._annulled = np.zeros((len(read), 0))

    @property
    def left(self) -> int:
        """How much more the rank can be."""
        return int((~self._seen).sum()) + self._annulled.shape[1]

    def add(self, batches: Generator[Array, int, None], patience: int, kept_after: int) -> None:
        """Take rows of the next block until so many were spare: its columns are those seen first.

        They are read off the first FIRST_ROWS rows; one that sees more is left out. A batch is made
        once it is said how many rows are wanted, of which it may be a part.
        kept_after: how many vectors that all rows annul are kept for the blocks that come.
        """
        first = [next(batches)]
        while sum(map(len, first)) < FIRST_ROWS:
            first.append(batches.send(FIRST_ROWS))
        new = np.any([(r != 0.0).any(axis=0) for r in first], axis=0) & ~self._seen
        unseen, at = ~(new | self._seen), np.flatnonzero(new)
        blocks = NumpyBlocks(self._field.p)
        kept = blocks.load(self._annulled)
        columns = len(at) + kept.shape[1]
        running = RunningRank(columns, self._field.p)
        most = out = 2 * len(at) + FIRST_ROWS
        drawn = np.concatenate(first)
        while True:
            rows = drawn[~(drawn[:, unseen] != 0.0).any(axis=1)]
            running.add(np.concatenate(
                [rows[:, at], blocks.minus_product(None, blocks.load(rows), kept)], axis=1))
            most, out = most - len(rows), out - len(drawn) + len(rows)
            if running.full or running.idle > patience or min(most, out) < 0:
                break
            # not all of the rank that may be left is there
            drawn = batches.send(max(2 * patience, (columns - running.rank) // 2))
        self.rank += running.rank
        weights = running.orthogonal(
            self._rng, min(kept_after, columns - running.rank))
        self._seen = self._seen | new
        # the columns of the vectors kept so far were -row . w
        self._annulled = blocks.minus_product(None, kept, blocks.load(weights[len(at):]))
        self._annulled[at] = weights[:len(at)]


@dataclass(frozen=True)
class _Windows:
    """The coordinates that each summand writes: from its `starts` on, so many.

    hidden: how much of each summand's rank rows of the first coordinate of its window do not see.
    """

    starts: Sequence[int]
    size: int
    hidden: Sequence[int]
    width: int

    def left_after(self, k: int) -> int:
        """How much rank the rows of the coordinates up to k leave to the later ones, about.

        A window's coordinates each see as much of what is hidden from the first; what surrounds the
        stream may keep as much as a matrix that acts on it has entries.
        """
        steps = max(self.size - 1, 1)
        return self.width**2 + sum(
            -(-hidden * (start + self.size - 1 - k) // steps)
            for start, hidden in zip(self.starts, self.hidden, strict=True)
            if start <= k < start + self.size)


def _windows(stream: Stream, draw: Draw) -> _Windows | None:
    """Windows in which no rank is lost, spread over all coordinates; None where these are few."""
    width, many = stream.width, len(stream.summands)
    forms = {s.form: s for s in stream.summands}
    size = max(_size(summand, draw) for summand in forms.values())
    if size >= width:
        return None
    hidden = {form: _hidden(summand, size, draw) for form, summand in forms.items()}
    return _Windows(
        [j * (width - size + 1) // many for j in range(many)], size,
        [hidden[s.form] for s in stream.summands], width)


def _size(summand: Summand, draw: Draw) -> int:
    """How many coordinates, a power of 2, it can write alone with as large a rank as any."""
    at, read = _at_random(summand, draw), read_coordinates(summand.network)
    whole, size = rank_at_point(at, read), 1
    while size < summand.shape[-1] and (
            rank_at_point(_writing_first(summand, size, at), read) < whole):
        size *= 2
    return size


def _at_random(summand: Summand, draw: Draw) -> Draw:
    theta, salt = draw_theta(summand.network, draw.field, draw.rng)
    return replace(draw, network=summand.network, theta=theta, salt=salt, tokens={})


def _writing_first(summand: Summand, size: int, at: Draw) -> Draw:
    """At a point where it writes the first coordinates alone, so many."""
    assert at.theta is not None
    written = np.arange(summand.shape[-1]) < size
    return replace(at, theta={
        **at.theta, **{n: v[:1] for n, v in writing_alone(summand, written, at.theta, at).items()}})


def _hidden(summand: Summand, size: int, draw: Draw) -> int:
    """How much of its rank, where it writes so many coordinates, rows of the first do not see.

    Not counted are the columns that other rows see and those do not.
    """
    at = _writing_first(summand, size, _at_random(summand, draw))
    count = sum(prod(p.shape) for p in summand.network.parameters) + SPARE_INPUTS
    first, every = (_rows_of(summand, seen, at, count) for seen in (1, size))
    more = rank(every, at.field.p) - rank(first, at.field.p)
    return max(0, more - int(every.any(axis=0).sum()) + int(first.any(axis=0).sum()))


def _rows_of(summand: Summand, seen: int, at: Draw, count: int) -> Array:
    """Rows whose cotangents are 0 but in the first coordinates, so many."""
    network, field = summand.network, at.field
    assert at.theta is not None
    drawn = residue_inputs(network, field, at.rng, count)
    domain = ResidueDomain(field, at.salt or 0, count, (), True)
    seed = field.random(at.rng, (count, *summand.shape)) * (np.arange(summand.shape[-1]) < seen)
    return joined(network, cotangents(
        network, domain, values(network, domain, at.theta, drawn), [seed]))


def _special(stream: Stream, windows: _Windows, draw: Draw) -> dict[str, Array]:
    """The point: each summand writes its own window."""
    assert draw.theta is not None
    theta = dict(draw.theta)
    places = np.arange(stream.width)
    for summand, start in zip(stream.summands, windows.starts, strict=True):
        written = (start <= places) & (places < start + windows.size)
        theta.update(writing_alone(summand, written, theta, draw))
    return theta


@dataclass(frozen=True)
class _Repeated(Sequence[Array]):
    """Lines of a program with every point so many times, made as they are asked for."""

    lines: Sequence[Array]
    times: int

    @overload
    def __getitem__(self, i: int) -> Array: ...

    @overload
    def __getitem__(self, i: slice) -> Sequence[Array]: ...

    def __getitem__(self, i: int | slice) -> Array | Sequence[Array]:
        assert isinstance(i, int)
        line = self.lines[i]
        return line if len(line) == 1 else np.repeat(line, self.times, axis=0)

    def __len__(self) -> int:
        return len(self.lines)


class _Rows:
    """Rows of one coordinate after another: cotangents 0 at the stream's last line but there.

    each: how many rows of one coordinate an input gives.
    """

    def __init__(self, network: Network, last: int, draw: Draw) -> None:
        self._network, self._last, self._draw = network, last, draw
        self._shape = network.nodes[last].shape
        self.each, self._turn, self._blocks = prod(self._shape[:-1]), 0, 1
        if self._apart():
            self._blocks = self.each

    def of(self, coordinate: int) -> Generator[Array, int, None]:
        """Rows without end, a batch at a time: FIRST_ROWS of many inputs, then most of each.

        It is sent how many rows are wanted.
        """
        most, wanted = chunk_of(self._network), FIRST_ROWS
        each, made = min(FIRST_EACH, self.each), 0
        while True:
            found = self._batch(coordinate, max(1, min(wanted, most) // each), each)
            made += len(found)
            if made >= FIRST_ROWS:
                each = self.each
            if len(found):
                wanted = yield found

    def _batch(self, coordinate: int, inputs: int, each: int) -> Array:
        field, (lines, good) = self._draw.field, self._lines(inputs)
        if not good:
            return np.zeros((0, self._draw.network.num_coordinates))
        # a row of all indices: at the first ones inputs are few where later ones do not count
        mixed = field.random(self._draw.rng, (good, each, self.each))
        seeds = [
            field.matmul(mixed, v.reshape(good, self.each, -1)).reshape(-1, *v.shape[2:])
            for v in self._seeds(coordinate, lines, good)]
        rows = cotangents(
            self._network, self._domain(len(seeds[0])), _Repeated(lines, each), seeds)
        return joined(self._network, rows)

    def _lines(self, inputs: int) -> tuple[list[Array], int]:
        """Every line at fresh inputs, and at how many of them all are defined."""
        point, domain = self._point(inputs), self._domain(inputs)
        lines = values(self._network, domain, point.parameters, point.inputs)
        good = np.flatnonzero(np.broadcast_to(domain.valid, (inputs,)))
        return [v if len(v) == 1 else v[good] for v in lines], len(good)

    def _domain(self, batch: int) -> ResidueDomain:
        twisted = root_plan(self._network, self._draw.field, False).twisted
        return ResidueDomain(self._draw.field, self._draw.salt or 0, batch, (), twisted)

    def _point(self, inputs: int) -> Point:
        network, draw = self._network, self._draw
        assert draw.theta is not None
        drawn = residue_inputs(network, draw.field, draw.rng, inputs)
        for name, listed in draw.tokens.items():
            drawn[name] = listed[(self._turn + np.arange(inputs)) % len(listed)]
        self._turn += inputs
        point = Point(draw.salt or 0, dict(draw.theta), drawn, [])
        plan = root_plan(network, draw.field, False)
        settle_roots(network, draw.field, draw.rng, plan, point)
        return point

    def _pulled(self, lines: Sequence[Array], count: int, seeds: Sequence[Array]) -> Array:
        """Cotangents at the last line of `count` for each input: (inputs, count, blocks, rest)."""
        held = pulled(
            self._network, self._domain(len(seeds[0])), _Repeated(lines, count), seeds, self._last)
        return held[self._last].reshape(len(seeds[0]) // count, count, self._blocks, -1)

    def _random(self, count: int) -> list[Array]:
        return [self._draw.field.random(self._draw.rng, (count, *self._network.nodes[i].shape))
                for i in self._network.outputs]

    def _apart(self) -> bool:
        """Whether outputs at each index but the last are seen to see the stream at theirs alone."""
        n = self.each
        if any(self._network.nodes[i].shape[:-1] != self._shape[:-1]
               for i in self._network.outputs):
            return False
        lines, good = self._lines(1)
        if not good:
            return False
        one = np.eye(n)
        seeds = [v * one.reshape(n, *v.shape[1:-1], 1) for v in self._random(n)]
        at_last = self._pulled(lines, n, seeds).reshape(n, n, -1)
        return not at_last[one == 0.0].any()

    def _seeds(self, coordinate: int, lines: Sequence[Array], inputs: int) -> list[Array]:
        """Combinations of random cotangents that are 0 at the last line but there: (inputs, each,
        *outputs). They are combined block by block.
        """
        blocks, field = self._blocks, self._draw.field
        width, rest = self._shape[-1], self.each // blocks
        outside = np.tile(np.arange(width) != coordinate, rest)
        random = self._random(inputs * len(outside))
        at_last = np.moveaxis(self._pulled(lines, len(outside), random)[..., outside], 2, 1)
        weights = _annulling(at_last.reshape(inputs * blocks, len(outside), -1), field)
        mine = np.eye(blocks)[None, :, None, :, None]
        found = []
        for r in random:
            apart = np.moveaxis(r.reshape(inputs, len(outside), blocks, -1), 2, 1)
            made = field.matmul(weights, apart.reshape(inputs * blocks, len(outside), -1))
            # a combination of one block is 0 in the others
            whole = made.reshape(inputs, blocks, made.shape[1], 1, -1) * mine
            found.append(whole.reshape(inputs, self.each, *r.shape[1:]))
        return found


def _annulling(a: Array, field: PrimeField) -> Array:
    """W with W a = 0, of shape (batch, rows - columns, rows), for a of (batch, rows, columns)."""
    batch, rows, columns = a.shape
    both = np.concatenate([a, np.broadcast_to(np.eye(rows), (batch, rows, rows))], axis=2)
    every, moved = np.arange(batch), False
    for c in range(columns):
        # where the column is 0 already a row is given up in vain
        pivot = c + (both[:, c:, c] != 0.0).argmax(axis=1)
        moved = moved or bool((pivot > c).any())
        both[every, c], both[every, pivot] = both[every, pivot], both[every, c]
        factors = field.mul(both[:, c + 1:, c], field.inverse(both[:, c, c])[:, None])
        # while no row was moved these have nothing further right but 1 of the unit matrix
        end = None if moved else columns + c + 1
        both[:, c + 1:, c:end] = field.sub(
            both[:, c + 1:, c:end], field.mul(factors[:, :, None], both[:, c, None, c:end]))
    return both[:, columns:, columns:]
