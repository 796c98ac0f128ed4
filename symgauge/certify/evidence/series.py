"""rank J >= r along a curve of power series in e: no value is taken as independent of another.

Some parameters are multiplied by e. At e = 0 the argument of every exponential, logarithm, error
function, sine and cosine is then a known rational number, whatever the other parameters and the
inputs are, so its value is known as well: a rational number, or made of one transcendental number
(e^(1/n) by Hermite and Lindemann, log v of a rational v by Lindemann, sqrt(pi) by Lindemann), for
which a random residue may stand. Minors of J along the curve are power series whose coefficients
are rational functions of that number, of the free parameters and inputs, and of the square roots
at e = 0. A minor that is not 0 over GF(p)((e)) at one point is not 0, and J has this rank at
generic parameters.

Roots at e = 0: the sign of a root is free where no product of distinct radicands is a square: of
known ones by their characters modulo many primes, and a prime is drawn at which they have roots.
Stage by stage one slice of the parameters or inputs is drawn anew; radicands of earlier stages do
not move with it, and those that do have quadratic characters which are independent over GF(2)
along it, together with the constant: then they and all before are independent (a product that is
a square times a constant has a constant character).

The residue field is drawn as well: a program cannot be made for one prime.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from symgauge.certify.assumptions import Assumptions
from symgauge.certify.evidence.kind import Evidence, Question
from symgauge.certify.evidence.roots_along import Point
from symgauge.certify.evidence.start import (
    Start, field_for, known_lines, no_curve, require_reached, start_of,
)
from symgauge.domains.evaluate import cotangents, values
from symgauge.domains.leading import LeadingDomain
from symgauge.domains.series import SeriesDomain
from symgauge.errors import BadInputError, InconsistentError, SizeError
from symgauge.exact.prime_field import PrimeField
from symgauge.exact.series_rank import SeriesRank
from symgauge.points.cells import branch_patterns
from symgauge.points.draw import Draw
from symgauge.points.inputs import has_tokens, residue_inputs
from symgauge.points.rows import CHUNK_ENTRIES, SPARE
from symgauge.points.tokens import draw_tokens
from symgauge.program.array import Array
from symgauge.program.lower import lower
from symgauge.program.network import Network

#: Orders that are tried one after the other; no higher one is accepted. Most networks need 5 or
#: less, at half of the cost of 8.
ORDERS = (5, 8, 14, 24)
#: Coefficients that are held of the rows, at most (2 GB).
MAX_HELD = 1 << 29
#: Rows that are drawn for each that is taken, where there are pieces.
SHARE = 4


@dataclass(frozen=True)
class Curve(Evidence):
    """theta(e): the parameters that are multiplied by e, and the order of the series."""

    name: ClassVar[str] = "series"
    unit: ClassVar[str] = "order"
    turn: ClassVar[int] = 1
    by_itself: ClassVar[int] = 4000
    by_itself_open: ClassVar[int] = 4000

    scaled: tuple[str, ...]
    order: int

    def shown(self, rank: int) -> str:
        """The statement, as claims carry it."""
        return (
            f"rank J >= {rank}: along power series in e from theta0 ({len(self.scaled)} parameters "
            f"are 0 there), modulo e^{self.order}, no value taken as independent"
        )

    def plain(self) -> dict[str, Any]:
        """Plain data."""
        return {"scaled": list(self.scaled), "order": self.order}

    def check(self, question: Question) -> tuple[int, Assumptions]:
        """rank J from a start that is drawn here; once more where one was unlucky."""
        found = self._rank(question)
        if found != question.claimed:
            found = max(found, self._rank(question))
        return found, Assumptions((self.shown(found),), ())

    def _rank(self, question: Question) -> int:
        draw = question.draw
        field = field_for(draw.network, self.scaled)
        return ranks_along(
            draw.network, self, question.read, draw.cell, question.closing, field, draw.rng)[-1]

    @classmethod
    def read(cls, data: Any, question: Question) -> Curve:
        """The curve in plain data. Raises BadInputError where it is none of this network."""
        names = [p.name for p in question.draw.network.parameters]
        try:
            scaled, order = tuple(data["scaled"]), data["order"]
            if set(data) != {"scaled", "order"}:
                raise ValueError("its keys are not those of a curve")
            if list(scaled) != [n for n in names if n in scaled]:
                raise ValueError("it does not name parameters, in their order")
            if type(order) is not int or not 1 <= order <= ORDERS[-1]:
                raise ValueError(f"the order is {order!r:.20}")
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError(f"the curve is malformed: {error}") from error
        return Curve(scaled, order)


def ranks_along(
    network: Network, curve: Curve, read: npt.NDArray[np.bool_], cell: Mapping[str, Array],
    wanted: int, field: PrimeField, rng: np.random.Generator,
) -> list[int]:
    """Lower bounds on rank J along the curve, by the order that each of them needs less one.

    Rows are those of fresh inputs, a few more than `wanted`; more where tokens or branches make a
    new one rare, a quarter of them first where branches do.
    Raises BadInputError where the curve proves nothing, SizeError where the rows are too many.
    """
    require_reached(network, curve.scaled)
    start = start_of(network, known_lines(network, curve.scaled))
    total = int(read.sum())
    if not total:
        return [0]
    count = SPARE + (4 * total if cell else total if has_tokens(network) else wanted)
    if curve.order * total**2 > 2 * MAX_HELD:
        raise SizeError(
            f"{total} parameters, as power series of order {curve.order}, are more than "
            f"{MAX_HELD} numbers; make the network smaller with --set, or certify without series"
        )
    draw = Draw(network, field, rng, cell=cell)
    if not cell:
        return _ranks_of(draw, curve, start, read, wanted, count)
    with contextlib.suppress(BadInputError):
        found = _ranks_of(draw, curve, start, read, wanted, count // 4)
        if found[-1] == wanted:
            return found
    found = _ranks_of(draw, curve, start, read, wanted, count)
    if found[-1] < wanted:
        # rows of a rare piece may be missing among those
        again = _ranks_of(draw, curve, start, read, wanted, count)
        found = [max(ranks) for ranks in zip(found, again, strict=True)]
    return found


def _ranks_of(
    draw: Draw, curve: Curve, start: Start, read: npt.NDArray[np.bool_], wanted: int, count: int,
) -> list[int]:
    """`ranks_along` of so many rows."""
    network, field, rng, cell = draw.network, draw.field, draw.rng, draw.cell
    lowered = lower(network)
    # a piece that few inputs are in must have its rows
    drawn = count * SHARE if cell else count
    inputs = residue_inputs(lowered, field, rng, drawn)
    for name, listed in draw_tokens(network, rng).items():
        inputs[name] = listed[np.arange(drawn) % len(listed)]
    patterns = _branches(network, cell, rng, drawn, inputs)
    if cell:
        chosen = _from_every_piece(patterns, count)
        inputs = {n: v[chosen] for n, v in inputs.items()}
        patterns = [b[chosen] for b in patterns]
    salt = int(rng.integers(1 << 62))
    point = Point(
        network, field, rng, frozenset(curve.scaled), start.tables(field, salt), salt,
        {p.name: field.random(rng, (1, *p.shape)) for p in lowered.parameters}, inputs,
        patterns,
    )
    reason = point.settle()
    if reason:
        raise no_curve(reason)
    running = SeriesRank(int(read.sum()), curve.order, field.p)
    for rows in _rows(point, curve.order, count, running.batch):
        running.add(rows if read.all() else rows[:, :, read])
    if running.seen < wanted:
        raise no_curve("a quotient or a root is undefined at e = 0")
    return running.ranks


def _branches(
    network: Network, cell: Mapping[str, Array], rng: np.random.Generator, count: int,
    inputs: dict[str, Array],
) -> list[Array]:
    """Branches of the rows, confirmed in balls. Raises BadInputError where balls decide none."""
    try:
        return branch_patterns(network, cell, rng, count, inputs)
    except InconsistentError as error:
        raise no_curve("real balls decide no branches at the shadow point of its cell") from error


def _from_every_piece(patterns: Sequence[Array], count: int) -> npt.NDArray[np.int64]:
    """`count` rows: the first of every piece, then the second of every piece, and so on."""
    joined = np.concatenate([b.reshape(len(b), -1) for b in patterns], axis=1)
    _, piece = np.unique(joined, axis=0, return_inverse=True)
    met: Counter[int] = Counter()
    turn = np.zeros(len(joined), dtype=np.int64)
    for k, mine in enumerate(piece.reshape(-1).tolist()):
        turn[k] = met[mine]
        met[mine] += 1
    return np.sort(np.argsort(turn, kind="stable")[:count])


def _rows(point: Point, order: int, count: int, most: int) -> Iterator[Array]:
    """Rows v^T J as power series, shape (order, rows, coordinates), `most` at a time."""
    lowered, field = lower(point.network), point.field
    entries = sum(prod(n.shape) for n in lowered.nodes) * order
    step = int(max(8, min(most, CHUNK_ENTRIES // max(entries, 1))))
    for first in range(0, count, step):
        at = np.arange(first, min(first + step, count))
        batch = len(at)
        leading = LeadingDomain(
            field, point.salt, batch, point.tables, [b[at] for b in point.patterns])
        domain = SeriesDomain(leading, order, batch)

        def lifted(a: Array, batch: int = batch, domain: SeriesDomain = domain) -> Array:
            return domain.lift(np.broadcast_to(a, (batch, *a.shape[1:])))

        theta = {
            n: domain.shifted(lifted(v), 1) if n in point.scaled else lifted(v)
            for n, v in point.theta.items()
        }
        lines = values(lowered, domain, theta, {n: lifted(v[at]) for n, v in point.inputs.items()})
        seeds = [
            lifted(field.random(point.rng, (batch, *lowered.nodes[i].shape)))
            for i in lowered.outputs
        ]
        found = cotangents(lowered, domain, lines, seeds)
        flat = [found[p.name].reshape(order, batch, -1) for p in lowered.parameters]
        yield np.concatenate(flat, axis=2)[:, np.broadcast_to(leading.valid, (batch,))]
