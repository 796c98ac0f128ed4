"""A norm before the last matrix: of an input, of a linear map of one, of a stream."""

from __future__ import annotations

from collections.abc import Sequence

from symgauge.steps.bases import Free, Norm
from symgauge.steps.bound import Bound, Changes
from symgauge.steps.chains import full, less_one, one, own
from symgauge.steps.norms import Reading, between, read_all
from symgauge.steps.reading import Form
from symgauge.steps.step import number
from symgauge.steps.streams import down, spans
from symgauge.steps.unread import Unread
from symgauge.steps.walk import Walk


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


def head(walk: Walk, form: Form, base: Norm, ones: bool) -> None:
    """N(z) G U + b of a stream z."""
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
        Changes.TURNS, scale=base.eps == 0, ones="free" if base.centred else "", projective=True))
