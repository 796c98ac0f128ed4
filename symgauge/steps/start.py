"""Where a stream begins: free inputs through a matrix, with biases or a table."""

from __future__ import annotations

from symgauge.steps.bases import Free
from symgauge.steps.bound import Bound, Changes
from symgauge.steps.chains import one
from symgauge.steps.reading import Bias, Form
from symgauge.steps.rows import Joined, own_row
from symgauge.steps.step import Count, total
from symgauge.steps.unread import Unread
from symgauge.steps.walk import Walk
from symgauge.steps.widths import At, Axis


def shift(walk: Walk, width: Count, bound: Bound) -> None:
    """A constant that all readers above let stand."""
    if bound.shift:
        walk.book.free("a shift of the stream", width)
    elif bound.ones == "constant":
        walk.book.free("a multiple of 1", one())


def start(walk: Walk, y: Form, axis: Axis, bound: Bound) -> None:
    """z = x W + b: dW = W A, db = b A + c."""
    book, d = walk.book, walk.book.width(axis)
    if bound.projective or len(y.terms) != 1:
        raise Unread("a stream that begins with several inputs, or fields that nothing excludes")
    (t,) = y.terms
    base = walk.bases.of(t)
    if isinstance(base, Joined):
        y, (t,) = _beside(walk, base, y, d, bound), base.free.terms
    book.step("start of the stream", y.node)
    if not t.maps:
        if y.biases:
            raise Unread("an input with a bias, and no matrix")
        return
    tables = [b for b in y.biases if b.table]
    if len(t.maps) != 1 or t.maps[0].diagonal or len(tables) > 1 or any(
            b.maps for b in y.biases):
        raise Unread("a stream that begins behind several maps")
    book.settle((*t.maps, *y.biases))
    if bound.matrix is Changes.ALL:
        book.free("gl of the stream", lambda at: d(at)**2)
    elif bound.matrix is Changes.TURNS and bound.ones:
        book.free("so of the stream, 1 fixed", lambda at: (d(at) - 1) * (d(at) - 2) // 2)
    elif bound.matrix is Changes.TURNS:
        book.free("so of the stream", lambda at: d(at) * (d(at) - 1) // 2)
    if bound.scale:
        book.free("the scale of the stream", one())
    if bound.ones == "free":
        rows = [_rows(walk, b) for b in y.biases]
        book.free("writers of 1", total((book.width(t.maps[0].ins), *rows)))
    if y.biases:
        n = len(y.biases) - 1

        def against(at: At) -> int:
            return n * (d(at) - (bound.ones == "free"))

        book.free("constants against each other", against)
        shift(walk, d, bound)


def _beside(walk: Walk, base: Joined, y: Form, d: Count, bound: Bound) -> Form:
    """Settle a row of parameters; the rows beside it, a matrix of an input."""
    (t,), (free,) = y.terms, base.free.terms
    if t.maps or y.biases or not walk.mixed:
        raise Unread("a row of parameters behind maps, or that sees no other")
    if not free.maps or not isinstance(walk.bases.of(free), Free):
        raise Unread("rows beside parameters that are no matrix of an input")
    own_row(walk.book, base, y.node, d, bound)
    return base.free


def _rows(walk: Walk, bias: Bias) -> Count:
    """The rows of a table; a bias is one."""
    if not bias.table:
        return one()
    return walk.book.width((bias.node, 0))
