"""A lower bound of the rank of the Jacobian from a block triangular minor, at a special point.

The rank at any point is at most the generic one, so the point may be chosen. On a residual stream
x_j = x_{j-1} + b_j the summands in turn are made to write a few coordinates each: entries that
write others are 0 there. A row whose cotangent at the last line of the stream lies in the
coordinates that the first k groups write sees nothing of what the summands above them read, and of
their writers few entries. So with the rows of group 1, 2, ... and columns by the first group that
sees them

    J = (D_1 0 0; * D_2 0; * * D_3),    rank J >= rank D_1 + rank D_2 + rank D_3.

What the rows of the first groups annul, the later ones may see: D_k has as further columns J w for
vectors w with row . w = 0 for all rows before, which are 0 there and so leave the triangle.
What a row sees is read off the rows themselves, exactly: the bound holds whatever was assumed.
n x n elimination becomes g times (n/g) x (n/g): 1/g^2 of the work.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import prod
from typing import overload

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import cotangents, pulled, values
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.blocks import NumpyBlocks
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
    groups = _groups(stream, draw)
    if len(groups) < 2:
        return None
    draw = replace(draw, theta=_special(stream, groups, draw))
    triangle = Triangle(read, field, len(groups[0]) ** 2, draw.rng)
    for written in groups:
        part = _Part(network, stream.last, draw, written)
        triangle.add(part.rows(), SPARE_INPUTS * part.each)
        if triangle.rank + triangle.left < wanted:
            return None
    return triangle.rank if triangle.rank >= wanted else None


class Triangle:
    """The rank of a block triangular matrix, from the rows of one block after another.

    read: the columns that count. most: how many vectors that all rows annul are kept.
    """

    def __init__(
        self, read: Mask, field: PrimeField, most: int, rng: np.random.Generator
    ) -> None:
        self.rank = 0
        self._seen, self._field, self._most, self._rng = ~read, field, most, rng
        #: Random vectors with row . w = 0 for all rows that were taken, shape (columns, any).
        self._annulled = np.zeros((len(read), 0))

    @property
    def left(self) -> int:
        """How much more the rank can be."""
        return int((~self._seen).sum()) + self._annulled.shape[1]

    def add(self, batches: Iterator[Array], patience: int) -> None:
        """Take rows of the next block until so many were spare: its columns are those seen first.

        They are read off the first FIRST_ROWS rows; one that sees more is left out.
        """
        first = [next(batches)]
        while sum(map(len, first)) < FIRST_ROWS:
            first.append(next(batches))
        new = np.any([(r != 0.0).any(axis=0) for r in first], axis=0) & ~self._seen
        unseen, at = ~(new | self._seen), np.flatnonzero(new)
        blocks = NumpyBlocks(self._field.p)
        kept = blocks.load(self._annulled)
        running = RunningRank(len(at) + kept.shape[1], self._field.p)
        most = out = 2 * len(at) + FIRST_ROWS
        for drawn in chain(first, batches):
            rows = drawn[~(drawn[:, unseen] != 0.0).any(axis=1)]
            running.add(np.concatenate(
                [rows[:, at], blocks.minus_product(None, blocks.load(rows), kept)], axis=1))
            most, out = most - len(rows), out - len(drawn) + len(rows)
            if running.full or running.idle > patience or min(most, out) < 0:
                break
        self.rank += running.rank
        weights = running.orthogonal(
            self._rng, min(self._most, len(at) + kept.shape[1] - running.rank))
        self._seen = self._seen | new
        # the columns of the vectors kept so far were -row . w
        self._annulled = blocks.minus_product(None, kept, blocks.load(weights[len(at):]))
        self._annulled[at] = weights[:len(at)]


def _groups(stream: Stream, draw: Draw) -> list[Mask]:
    """The coordinates that each group of summands writes: as many groups as lose no rank."""
    width = stream.summands[0].shape[-1]
    size = 1
    for summand in {s.form: s for s in stream.summands}.values():
        while size < width and not _keeps_rank(summand, size, draw):
            size *= 2
    count = min(max(1, width // size), len(stream.summands))
    return [np.isin(np.arange(width), at) for at in np.array_split(np.arange(width), count)]


def _keeps_rank(summand: Summand, size: int, draw: Draw) -> bool:
    """Whether a summand that writes so many coordinates alone has as large a rank as any."""
    network, field = summand.network, draw.field
    theta, salt = draw_theta(network, field, draw.rng)
    at = replace(draw, network=network, theta=theta, salt=salt, tokens={})
    read = read_coordinates(network)
    written = np.arange(summand.shape[-1]) < size
    special = {**theta, **{n: v[:1] for n, v in writing_alone(summand, written, theta, at).items()}}
    return rank_at_point(replace(at, theta=special), read) == rank_at_point(at, read)


def _special(stream: Stream, groups: Sequence[Mask], draw: Draw) -> dict[str, Array]:
    """The point: from the first summand on, each group of them writes its own coordinates."""
    assert draw.theta is not None
    theta, many = dict(draw.theta), len(stream.summands)
    for j, summand in enumerate(stream.summands):
        theta.update(writing_alone(summand, groups[j * len(groups) // many], theta, draw))
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


class _Part:
    """The rows of one group: cotangents that are 0 at the stream's last line but in `written`."""

    def __init__(self, network: Network, last: int, draw: Draw, written: Mask) -> None:
        self._network, self._last, self._draw = network, last, draw
        shape = network.nodes[last].shape
        self._outside = ~np.broadcast_to(written, shape).reshape(-1)
        outputs = sum(prod(network.nodes[i].shape) for i in network.outputs)
        left = min(outputs, prod(shape)) - int(self._outside.sum())
        self.each = max(left, 1)  #: How many rows each input gives.
        self._turn = 0

    def rows(self) -> Iterator[Array]:
        """Rows without end, a batch at a time: FIRST_ROWS of many inputs, then most of each."""
        together = chunk_of(self._network)
        each, made = min(FIRST_EACH, self.each), 0
        while True:
            if made >= FIRST_ROWS:
                each = self.each
            inputs = FIRST_ROWS // each if made < FIRST_ROWS else together // self.each
            found = self._batch(max(1, inputs), each)
            made += len(found)
            if len(found):
                yield found

    def _batch(self, inputs: int, each: int) -> Array:
        network, draw, field = self._network, self._draw, self._draw.field
        point = self._point(inputs)
        domain = ResidueDomain(field, point.salt, inputs, (), self._twisted)
        lines = values(network, domain, point.parameters, point.inputs)
        good = np.flatnonzero(np.broadcast_to(domain.valid, (inputs,)))
        if not len(good):
            return np.zeros((0, draw.network.num_coordinates))
        lines = [v if len(v) == 1 else v[good] for v in lines]
        seeds = self._seeds(lines, len(good), each)
        count = len(good) * each
        rows = cotangents(network, self._domain(count), _Repeated(lines, each), seeds)
        return joined(network, rows)

    @property
    def _twisted(self) -> bool:
        return root_plan(self._network, self._draw.field, False).twisted

    def _domain(self, batch: int) -> ResidueDomain:
        return ResidueDomain(self._draw.field, self._draw.salt or 0, batch, (), self._twisted)

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

    def _seeds(self, lines: Sequence[Array], inputs: int, each: int) -> list[Array]:
        """Combinations of random cotangents that are 0 outside `written` at the last line."""
        network, field, rng = self._network, self._draw.field, self._draw.rng
        outside = int(self._outside.sum())
        drawn = outside + each
        shapes = [network.nodes[i].shape for i in network.outputs]
        random = [field.random(rng, (inputs * drawn, *s)) for s in shapes]
        held = pulled(
            network, self._domain(inputs * drawn), _Repeated(lines, drawn), random, self._last)
        at_last = held[self._last].reshape(inputs, drawn, -1)[:, :, self._outside]
        weights = _annulling(at_last, field)
        return [
            field.matmul(weights, r.reshape(inputs, drawn, -1)).reshape(inputs * each, *s)
            for r, s in zip(random, shapes, strict=True)
        ]


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
