"""Rows of J whose cotangents at the last line of a stream are 0 but in one coordinate."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import overload

import numpy as np
import numpy.typing as npt

from symgauge.domains.evaluate import cotangents, pulled, values
from symgauge.domains.residues import ResidueDomain
from symgauge.exact.prime_field import PrimeField
from symgauge.points.draw import Draw, Point, joined
from symgauge.points.inputs import residue_inputs
from symgauge.points.roots import root_plan, settle_roots
from symgauge.points.rows import CHUNK_ENTRIES, chunk_of
from symgauge.program.array import Array
from symgauge.program.leaf import Parameter
from symgauge.program.network import Network

Mask = npt.NDArray[np.bool_]
#: Rows from which it is read off what the rows of a coordinate see, and how many of them an input
#: gives: enough inputs to meet every token.
FIRST_ROWS, FIRST_EACH = 512, 2
#: Entries of lines that are held for the coordinates to come, about (0.25 GB).
HELD = 2 * CHUNK_ENTRIES


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


class StreamRows:
    """Rows of one coordinate after another, all coordinates at the same inputs.

    each: how many rows of one coordinate an input gives.
    """

    def __init__(self, network: Network, last: int, draw: Draw) -> None:
        self._network, self._last, self._draw = network, last, draw
        self._shape = network.nodes[last].shape
        self.each, self._turn, self._blocks = prod(self._shape[:-1]), 0, 1
        #: Every line at so many inputs, for all coordinates.
        self._held: list[tuple[list[Array], int]] = []
        # the coordinate, its rows so far, which lines come next, at how many of these it was
        self._coordinate, self._made, self._next, self._used = 0, 0, 0, 0
        self._lines: tuple[list[Array], int] = ([], 0)
        #: The columns that were asked for last, and the lines that stand still for them.
        self._needed: tuple[Mask, list[bool]] = np.zeros(0, dtype=bool), []
        if self._apart():
            self._blocks = self.each

    def begin(self, coordinate: int) -> None:
        """The rows that follow are those of this coordinate."""
        self._coordinate, self._made, self._next, self._used = coordinate, 0, 0, 0
        self._lines = ([], 0)

    def batch(self, wanted: int, needed: Mask) -> Array:
        """About so many rows, at most; 0 may stand in columns that are not needed.

        The first FIRST_ROWS are of many inputs, the others most of what an input gives.
        """
        each = min(FIRST_EACH, self.each) if self._made < FIRST_ROWS else self.each
        lines, inputs = self._some(max(1, min(wanted, chunk_of(self._network)) // each))
        if not inputs:
            return np.zeros((0, len(needed)))
        field = self._draw.field
        # a row of all indices: at the first ones inputs are few where later ones do not count
        mixed = field.random(self._draw.rng, (inputs, each, self.each))
        seeds = [
            field.matmul(mixed, v.reshape(inputs, self.each, -1)).reshape(-1, *v.shape[2:])
            for v in self._seeds(lines, inputs)]
        rows = cotangents(
            self._network, self._domain(len(seeds[0])), _Repeated(lines, each), seeds,
            self._still(needed))
        self._made += len(seeds[0])
        return joined(self._network, rows)

    def _some(self, inputs: int) -> tuple[list[Array], int]:
        """Every line at so many inputs or fewer that were not used for this coordinate."""
        if self._used == self._lines[1]:
            count, k = chunk_of(self._network), self._next
            self._lines = self._held[k] if k < len(self._held) else self._drawn(count)
            if k == len(self._held) and (k + 1) * count * _entries(self._network) <= HELD:
                self._held.append(self._lines)
            self._next, self._used = k + 1, 0
        at = slice(self._used, min(self._used + inputs, self._lines[1]))
        self._used = at.stop
        return [v if len(v) == 1 else v[at] for v in self._lines[0]], at.stop - at.start

    def _still(self, needed: Mask) -> list[bool]:
        """The lines that depend on no parameter of which a column is needed."""
        if self._needed[0] is needed:
            return self._needed[1]
        network, out = self._network, list[bool]()
        names = {p.name for p in network.parameters
                 if needed[network.offsets[p.name]:][:p.size].any()}
        for node in network.nodes:
            moved = isinstance(node.leaf, Parameter) and node.leaf.name in names
            out.append(not moved and all(out[j] for j in node.inputs))
        self._needed = needed, out
        return out

    def _drawn(self, inputs: int) -> tuple[list[Array], int]:
        """Every line at fresh inputs, and at how many of them all are defined."""
        point, domain = self._point(inputs), self._domain(inputs)
        lines = values(self._network, domain, point.parameters, point.inputs)
        good = np.broadcast_to(domain.valid, (inputs,))
        if not good.all():
            lines = [v if len(v) == 1 else v[good] for v in lines]
        return lines, int(good.sum())

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
        lines, good = self._drawn(1)
        if not good:
            return False
        one = np.eye(n)
        seeds = [v * one.reshape(n, *v.shape[1:-1], 1) for v in self._random(n)]
        at_last = self._pulled(lines, n, seeds).reshape(n, n, -1)
        return not at_last[one == 0.0].any()

    def _seeds(self, lines: Sequence[Array], inputs: int) -> list[Array]:
        """Combinations of random cotangents that are 0 at the last line but there: (inputs, each,
        *outputs). They are combined block by block.
        """
        blocks, field = self._blocks, self._draw.field
        width, rest = self._shape[-1], self.each // blocks
        outside = np.tile(np.arange(width) != self._coordinate, rest)
        random = self._random(inputs * len(outside))
        at_last = np.moveaxis(self._pulled(lines, len(outside), random)[..., outside], 2, 1)
        weights = annulling(at_last.reshape(inputs * blocks, len(outside), -1), field)
        mine = np.eye(blocks)[None, :, None, :, None]
        found = []
        for r in random:
            apart = np.moveaxis(r.reshape(inputs, len(outside), blocks, -1), 2, 1)
            made = field.matmul(weights, apart.reshape(inputs * blocks, len(outside), -1))
            # a combination of one block is 0 in the others
            whole = made.reshape(inputs, blocks, made.shape[1], 1, -1) * mine
            found.append(whole.reshape(inputs, self.each, *r.shape[1:]))
        return found


def _entries(network: Network) -> int:
    return sum(prod(n.shape) for n in network.nodes)


def annulling(a: Array, field: PrimeField) -> Array:
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
