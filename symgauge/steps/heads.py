"""Averages of tokens: what is left free of queries, keys, values and outputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symgauge.steps.averages import Average
from symgauge.steps.bases import Free, Norm
from symgauge.steps.bound import Bound
from symgauge.steps.chains import chain, less_one, own
from symgauge.steps.reading import Form
from symgauge.steps.start import shift
from symgauge.steps.step import Book, Count, total
from symgauge.steps.unread import Unread
from symgauge.steps.walk import Walk


def fact(base: Average) -> str:
    """The name of the fact."""
    return "attention" if base.normalised else "attention without a normaliser"


def alone(walk: Walk, forms: Sequence[Form], base: Average, ones: bool) -> None:
    """Averages of free inputs, and matrices behind them."""
    book = walk.book
    if len(forms) != 1 or ones:
        raise Unread("several readers of averages, or probabilities of them")
    (form,) = forms
    (t,) = form.terms
    if not t.maps or t.maps[0].diagonal or sum(not m.diagonal for m in t.maps) != 1:
        raise Unread("averages without one matrix behind them")
    book.step(fact(base), base.node)
    two(book, base)
    sides = (base.query, base.key, base.value)
    for side in sides:
        if len(side.terms) != 1 or not isinstance(walk.bases.of(side.terms[0]), Free) or len(
                side.terms[0].maps) != 1 or len(side.biases) > 1 or not all(
                map(own, side.biases)) or side.constant:
            raise Unread("heads that read something else than a matrix of an input")
        if not walk.reader.is_list(side.terms[0].base):
            raise Unread("an input that is no plain list of tokens")
    ins = [book.width(s.terms[0].maps[0].ins) for s in sides]
    biased = [bool(s.biases) for s in sides]
    others = count(book, base, ins, biased, book.width(t.maps[0].outs))
    for s in sides:
        book.settle((*s.terms[0].maps, *s.biases))
    chain(book, t.maps)
    walk.bias(form, False, others)


def two(book: Book, base: Average) -> None:
    """A row sees two tokens."""
    if not base.sees_two:
        raise Unread("no row sees two tokens")
    book.words("a row sees two tokens")


def count(
    book: Book, base: Average, ins: Sequence[Count], biased: Sequence[bool], out: Count
) -> list[tuple[Count, Count]]:
    """What is left free; the values' bias as (dimension, rank) of a constant, or none.

    Behind a softmax a key's bias is unseen and a value's is a constant; else both are rows.
    """
    g, m, dk, dv = (book.width(x) for x in (
        base.groups, base.repeats, base.key_width, base.value_width))
    plain = not base.normalised
    queries = _more(ins[0], biased[0])
    keys, values = (_more(ins[k], biased[k] and plain) for k in (1, 2))
    scores = book.product_left((lambda at: m(at) * queries(at), dk, keys))
    outputs = book.product_left((values, dv, lambda at: m(at) * out(at)))
    book.free("gl of queries and keys", lambda at: g(at) * scores(at))
    if biased[1] and not plain:
        book.free("key biases", lambda at: g(at) * dk(at))
    book.free("gl of values and outputs", lambda at: g(at) * outputs(at))
    if not biased[2] or plain:
        return []
    whole: Count = lambda at: g(at) * dv(at)  # noqa: E731
    return [(whole, book.least(whole, out))]


def _more(width: Count, biased: bool) -> Count:
    return (lambda at: width(at) + 1) if biased else width


def constants_added(
    walk: Walk, averages: Sequence[tuple[Average, Norm | None]], width: Count, seen: Count,
    bound: Bound,
) -> Bound:
    """A norm's bias in values without their own, no full bias behind: unseen, or seen as a 1.

    `averages`: those of one block, and the norms that their values read.
    """
    book, values = walk.book, list[Count]()
    for base, norm in averages:
        if not base.normalised or any(map(own, base.value.biases)) or not any(
                b.maps for b in base.value.biases):
            continue
        book.step(fact(base), base.node)
        if bound.shift:
            raise Unread("a norm's bias stands against a shift")
        values.append(all_values(book, base))
        spanned = total(values)
        book.at_most(spanned, seen)
        if norm is None or not norm.centred or bound.ones == "free":
            continue
        here = book.reader.widths.here()
        if spanned(here) < seen(here):
            book.at_most(spanned, less_one(seen))
        else:
            book.at_most(seen, spanned)
            shift(walk, width, bound)
            bound = replace(bound, ones="constant")
    return bound


def all_values(book: Book, base: Average) -> Count:
    """The width of all values."""
    g, dv = book.width(base.groups), book.width(base.value_width)
    return lambda at: g(at) * dv(at)
