"""A row of parameters, joined to rows of a free input, as a stream begins."""

from __future__ import annotations

from dataclasses import dataclass

from symgauge.steps.bound import Bound
from symgauge.steps.chains import one
from symgauge.steps.reading import Form, Reader
from symgauge.steps.step import Book, Count, number
from symgauge.steps.unread import Unread
from symgauge.steps.widths import Axis

FACT = "a row of parameters"


@dataclass(frozen=True)
class Joined:
    """The rows: `own` is row `at` of `count`, parameters alone; `free` reads an input."""

    node: int
    axis: Axis
    own: Form
    free: Form
    at: int
    count: int


def joined(reader: Reader, i: int) -> Joined:
    """A join of one row of parameters with others. Raises Unread."""
    node = reader.node(i)
    rows = len(node.shape) - 2
    if len(node.inputs) != 2 or node.attrs["axis"] != rows or any(
            n != 1 for n in node.shape[:rows]):
        raise Unread(f"v{i} joins something else than rows of a list")
    forms = [reader.read(j) for j in node.inputs]
    alone = [k for k in (0, 1) if not forms[k].terms and not forms[k].constant
             and reader.node(node.inputs[k]).shape[rows] == 1]
    if len(alone) != 1 or len(forms[1 - alone[0]].terms) != 1:
        raise Unread(f"v{i} joins no row of parameters with rows of one input")
    (k,) = alone
    own, free = forms[k], forms[1 - k]
    if not own.biases or any(b.maps or b.table for b in own.biases):
        raise Unread(f"v{i} has a row of parameters behind maps")
    reader.widths.meet(own.axis, free.axis)
    reader.begins_with(i, free.axis)
    return Joined(i, free.axis, own, free, k * (node.shape[rows] - 1), node.shape[rows])


def two_beside(pairs: frozenset[tuple[int, int]], base: Joined) -> bool:
    """Whether a row beside sees two rows beside, and the row of parameters one. Raises Unread."""
    if not any(t == base.at != s for t, s in pairs):
        raise Unread("a row of parameters that sees no other")
    free = [t for t, s in pairs if base.at not in (t, s)]
    return any(free.count(t) > 1 for t in free)


def own_row(book: Book, base: Joined, line: int, width: Count, bound: Bound) -> None:
    """dz_0 = z_0 A + c of the vectors that the row is the sum of."""
    book.step(FACT, line)
    book.settle(base.own.biases)
    n, free = len(base.own.biases), bound.ones == "free"
    book.free("constants of a row against each other", lambda at: (n - 1) * (width(at) - free))
    if free:
        book.free("writers of 1", number(n) if n > 1 else one())
