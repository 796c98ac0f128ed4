"""Readers of a norm; a norm between two linear maps; a norm before the last matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from symgauge.steps.bases import Free, Norm
from symgauge.steps.chains import full, less_one, one, own
from symgauge.steps.reading import Bias, Form, Map, Maps
from symgauge.steps.step import Book, Count, number, total
from symgauge.steps.unread import Unread
from symgauge.steps.widths import At

if TYPE_CHECKING:
    from symgauge.steps.walk import Walk


@dataclass(frozen=True)
class Reading:
    """A matrix behind a norm or a stream; `loose`: nothing sees a constant added to its value."""

    maps: Maps
    biases: tuple[Bias, ...]
    loose: bool = False

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


def norm(walk: Walk, forms: Sequence[Form], base: Norm, ones: bool) -> None:
    """Readers of a norm of an input, of a linear map of one, or a head on a stream."""
    argument, book = base.argument, walk.book
    if len(argument.terms) == 1 and isinstance(walk.bases.of(argument.terms[0]), Free):
        if ones or any(f.node in walk.shifted and f.biases for f in forms):
            raise Unread("probabilities or exponents of a norm of an input")
        readings = [Reading(f.terms[0].maps, f.biases) for f in forms]
        if argument.terms[0].maps:
            between(walk, base, readings)
            return
        if argument.biases or argument.constant:
            raise Unread("an input with a constant before a norm")
        book.at_most(number(3 if base.centred else 2), book.width(base.axis))
        read_all(book, base, readings)
        return
    if len(forms) != 1 or forms[0].node in walk.shifted:
        raise Unread("several readers of a norm of a stream, or exponents of one")
    head(walk, forms[0], base, ones)


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
    seen = total(book.width(r.weight.outs) for r in open_)
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


def head(walk: Walk, form: Form, base: Norm, ones: bool) -> None:
    """N(z) G U + b of a stream z."""
    from symgauge.steps.streams import Bound, down, spans

    book, (t,) = walk.book, form.terms
    reading = Reading(t.maps, form.biases)
    book.step("head behind a norm", form.node)
    d, o = book.width(reading.weight.ins), book.width(reading.weight.outs)
    book.at_most(d, less_one(o) if ones else o)
    if any(not own(b) and full(b) for b in form.biases):
        raise Unread("a bias of a head behind a gain")
    read_all(book, base, [reading])
    book.step("head behind a norm", form.node)
    if ones:
        book.free("multiples of 1 in each row", d)
        if reading.biased:
            book.free("biases", one())
    book.at_most(number(3 if base.centred else 2), d)
    spans(walk, base.argument.terms, d)
    down(walk, base.argument, base.axis, Bound(
        "so", scale=base.eps == 0, ones="free" if base.centred else "", projective=True))
