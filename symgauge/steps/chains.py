"""Products of matrices, gains and biases, and what they leave free."""

from __future__ import annotations

from collections.abc import Sequence

from symgauge.steps.reading import Bias, Form, Maps
from symgauge.steps.step import Book, Count, number, total
from symgauge.steps.unread import Unread
from symgauge.steps.widths import At, Axis


def chain(book: Book, maps: Maps, ones: bool = False) -> None:
    """A product of maps whose value is determined (`ones`: but for a multiple of 1 in each row)."""
    matrices = [m for m in maps if not m.diagonal]
    gains = [m for m in maps if m.diagonal]
    book.settle(maps)
    for g in gains if matrices else gains[1:]:
        book.free("a gain against a matrix", book.width(g.outs))
    if not matrices:
        if ones:
            raise Unread("no matrix before outputs that do not see 1")
        return
    widths = [book.width(matrices[0].ins), *(book.width(m.outs) for m in matrices)]
    if ones:
        book.free("multiples of 1 in each row", widths[-2])
        widths[-1] = less_one(widths[-1])
    if len(matrices) > 1:
        book.free("between matrices", book.product_left(widths))


def less_one(width: Count) -> Count:
    """One less."""
    return lambda at: width(at) - 1


def end(maps: Maps, axis: Axis) -> Axis:
    """The axis behind some maps."""
    return maps[-1].outs if maps else axis


def full(bias: Bias) -> bool:
    """Whether a bias reaches every feature: no matrix is behind it, and no row has its own."""
    return not bias.table and all(m.diagonal for m in bias.maps)


def own(bias: Bias) -> bool:
    """Whether nothing is behind a bias."""
    return not bias.table and not bias.maps


def biases(
    book: Book, form: Form, maps: Maps, out: Axis, ones: bool,
    others: Sequence[tuple[Count, Count]] = (),
) -> None:
    """sum_j b_j F_j is determined; each F_j ends the chain of maps that the terms have.

    `others`: (dimension, rank) of constants besides.
    """
    for b in form.biases:
        if b.table:
            raise Unread("a table away from the inputs")
        if b.maps != maps[len(maps) - len(b.maps):]:
            raise Unread("a bias behind maps that no term has")
    book.settle(form.biases)
    dims = [book.width(b.axis) for b in form.biases]
    whole = total((*dims, *(n for n, _ in others)))
    if not dims and not others:
        return
    seen = less_one(book.width(out)) if ones else book.width(out)
    if any(full(b) for b in form.biases):
        book.free("biases", lambda at: whole(at) - seen(at))
        return
    ranks = [r for _, r in others]
    for b, n in zip(form.biases, dims, strict=True):
        outs = [book.width(m.outs) for m in b.maps if not m.diagonal]
        ranks.append(book.least(n, *outs))

    def most(at: At) -> int:
        return max(r(at) for r in ranks)

    rank = book.least(most, seen) if ones else most
    book.free("biases", lambda at: whole(at) - rank(at))


def one() -> Count:
    """1."""
    return number(1)
