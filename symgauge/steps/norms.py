"""Readers of a norm; a norm between two linear maps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symgauge.steps.bases import Norm
from symgauge.steps.chains import less_one, one, own
from symgauge.steps.reading import Bias, Map, Maps
from symgauge.steps.step import Book, Count, number, total
from symgauge.steps.unread import Unread
from symgauge.steps.walk import Walk
from symgauge.steps.widths import At


@dataclass(frozen=True)
class Reading:
    """A matrix behind a norm or a stream; `loose`: nothing sees a constant added to its value.

    `unseen`: the dimension of the constants that nothing sees.
    """

    maps: Maps
    biases: tuple[Bias, ...]
    loose: bool = False
    unseen: int = 0

    @property
    def weight(self) -> Map:
        """The matrix, behind gains alone."""
        if not self.maps or self.maps[-1].diagonal or any(
                not m.diagonal for m in self.maps[:-1]):
            raise Unread("a norm that is read by several matrices, or none")
        return self.maps[-1]

    @property
    def biased(self) -> bool:
        """Whether its value has a bias of its own."""
        return any(map(own, self.biases))


def read_all(book: Book, base: Norm, readings: Sequence[Reading]) -> None:
    """Gains, the norm's bias and matrices behind one norm, their values being determined."""
    book.step("readers of a norm", base.node)
    gains = {r.maps[:-1] for r in readings}
    if len(gains) != 1 or len({r.weight for r in readings}) < len(readings):
        raise Unread("a norm is read behind several gains, or by one matrix twice")
    (shared,) = gains
    book.settle(shared)
    for g in shared:
        book.free("a gain against its readers", book.width(g.outs))
    for r in readings:
        mine = [b for b in r.biases if own(b)]
        if len(mine) > 1:
            raise Unread("two biases of one reader")
        book.settle(mine)
    _bias(book, base, readings)
    for r in readings:
        book.settle([r.weight])
        if base.centred:
            book.free("what reads 1", book.width(r.weight.outs))


def _bias(book: Book, base: Norm, readings: Sequence[Reading]) -> None:
    """A bias before the matrices: undone by the readers' own, or by what does not see it."""
    found = [{replace(b, maps=()) for b in r.biases if b.maps == (r.weight,) and not b.table}
             for r in readings]
    others = [b for r in readings for b in r.biases if not own(b) and b.maps != (r.weight,)]
    if others or any(f != found[0] for f in found) or len(found[0]) > 1:
        raise Unread("biases of a norm that are none of all its readers")
    if not found[0]:
        return
    (bias,) = found[0]
    book.settle([bias])
    open_ = [r for r in readings if not r.biased and not r.loose]
    d = book.width(bias.axis)
    if not open_:
        book.free("the norm's bias", d)
        return
    unseen = sum(r.unseen for r in open_)
    outs = total(book.width(r.weight.outs) for r in open_)

    def seen(at: At) -> int:
        return outs(at) - unseen

    rank = seen if base.centred else book.least(seen, d)
    book.free("the norm's bias", lambda at: d(at) - rank(at))


def between(walk: Walk, base: Norm, readings: Sequence[Reading]) -> None:
    """N(x W_0 + b_0) G W_1 of free inputs."""
    book, argument = walk.book, base.argument
    book.step("a norm between linear maps", base.node)
    (t,) = argument.terms
    if len(t.maps) != 1 or t.maps[0].diagonal or argument.constant or len(
            argument.biases) > 1 or not all(map(own, argument.biases)):
        raise Unread("a norm of something else than one matrix and a bias")
    m, d = book.width(t.maps[0].ins), book.width(t.maps[0].outs)
    biased = bool(argument.biases)
    rows: Count = (lambda at: m(at) + 1) if biased else m
    seen: Count = less_one(d) if base.centred else d
    book.at_most(number(2), seen)
    reached = book.least(rows, seen)
    read_all(book, base, readings)
    outs = total(book.width(r.weight.outs) for r in readings)
    book.step("a norm between linear maps", base.node)
    book.settle((*t.maps, *argument.biases))
    book.free("rotations before the norm", turns(rows, seen))
    book.free("readers of what is not reached",
              lambda at: outs(at) * (seen(at) - reached(at)))
    if base.centred:
        book.free("writers of 1", rows)
    if base.eps == 0:
        book.free("the scale before the norm", one())
    elif biased:
        book.steps[-1].cases += [(rows, seen), (lambda at: seen(at) + 1, rows)]
        book.free("the scale before the norm", lambda at: int(rows(at) <= seen(at)))


def turns(rows: Count, columns: Count) -> Count:
    """dim of {W Omega: Omega antisymmetric} at a generic W: its rank, by the rows that are free."""

    def count(at: At) -> int:
        m, d = rows(at), columns(at)
        kernel = max(d - m, 0)  # antisymmetric on the complement of the rows
        return d * (d - 1) // 2 - kernel * (kernel - 1) // 2

    return count
