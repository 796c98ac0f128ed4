"""From the outputs down: the steps of chains and units, as far as they are read.

Each method is told what does not vary and says which step of the record must stand there. The
numbers of directions are integers at any widths (minima and all): the record's polynomials are
compared with them at many widths of its range.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgauge.program.network import Network
from symgauge.steps.averages import Average
from symgauge.steps.bases import Bases, Free, Gate, Norm, Unit
from symgauge.steps.chains import biases, chain, end, full, less_one, own
from symgauge.steps.experts import Experts
from symgauge.steps.listed import Listed
from symgauge.steps.reading import Form, Reader
from symgauge.steps.step import Book, Count, number
from symgauge.steps.unread import Unread

#: (dimension, rank) of constants that are added besides.
Constants = Sequence[tuple[Count, Count]]


class Walk:
    """What one walk down one program has met, and its maps, biases and units."""

    def __init__(self, network: Network) -> None:
        self.reader = Reader(network)
        self.bases = Bases(self.reader)
        self.book = Book(self.reader)
        #: Lines that may vary by a constant, which their bias absorbs.
        self.shifted: set[int] = set()
        self.walls: int | None = None
        #: The sum of which experts are read, side by side.
        self.beside: int | None = None
        #: Whether averages let a row of parameters see the others.
        self.mixed = False

    def maps(self, forms: Sequence[Form], ones: bool) -> None:
        """The products of maps behind one line, and their biases."""
        for f in forms:
            (t,) = f.terms
            self.book.step("chain", f.node)
            chain(self.book, t.maps, ones)
            self.bias(f, ones)

    def bias(self, form: Form, ones: bool, others: Constants = ()) -> None:
        """The biases of one reader; of exponents no equation determines them."""
        book, (t,) = self.book, form.terms
        book.step("bias", form.node)
        if form.node not in self.shifted:
            biases(book, form, t.maps, end(t.maps, form.axis), ones, others)
            return
        if not all(map(own, form.biases)) or others:
            raise Unread("biases of exponents behind maps")
        book.settle(form.biases)
        for b in form.biases:
            book.free("biases of exponents", book.width(b.axis))

    # -- units -------------------------------------------------------------------------------------

    def tell_apart(self, form: Form, base: Unit | Gate) -> None:
        """Two outputs tell powers and products apart, where no map between has one column."""
        maps, here = form.terms[0].maps, self.reader.widths.here()
        if self.book.width(end(maps, base.axis))(here) > 1:
            for m in maps:
                if not m.diagonal:
                    self.book.at_most(number(2), self.book.width(m.outs))

    def unit(self, base: Unit, forms: Sequence[Form], alone: bool) -> None:
        """What units leave free, by what their function is."""
        book, h = self.book, self.book.width(base.axis)
        if base.kind == "smooth":
            book.step("units", base.node)
        elif base.kind == "exponential":
            book.step("exponential units", base.node)
            self.shifted.add(base.argument.node)
            if base.argument.biases and not any(map(full, base.argument.biases)):
                raise Unread("a bias of exponents behind a matrix")
        elif base.kind == "kinked":
            book.step("kinked units", base.node)
            self.wall(base.node, base.argument)
            book.free("scalings of units", h)
        else:
            self.power(base, forms, alone)
            return
        self.private(base.argument)

    def power(self, base: Unit, forms: Sequence[Form], alone: bool) -> None:
        """(x W)^p of free coordinates."""
        book, h = self.book, self.book.width(base.axis)
        book.step("powers", base.node)
        if not alone:
            raise Unread("powers beside other terms")
        book.at_most(h, self.coordinates(base.argument))
        out = book.width(end(forms[0].terms[0].maps, base.axis))
        if base.power == 2 and out(self.reader.widths.here()) > 1:
            book.at_most(number(2), out)
        elif base.power == 2:
            book.free("so(h)", lambda at: h(at) * (h(at) - 1) // 2)
        book.free("scalings of units", h)

    def coordinates(self, argument: Form) -> Count:
        """The number of free inputs of which a line is one matrix."""
        one = argument.terms[0] if len(argument.terms) == 1 else None  # none: a constant
        base = None if one is None else self.bases.of(one)
        if one is None or not isinstance(base, Free) or len(
                [m for m in one.maps if not m.diagonal]) != 1:
            raise Unread("powers or products of something else than coordinates")
        return self.book.width(base.axis)

    def bilinear(self, base: Gate, forms: Sequence[Form], alone: bool) -> None:
        """(x W_1) (y W_2) entry by entry, of free coordinates x and y, or of one line's."""
        book, h = self.book, self.book.width(base.axis)
        book.step("products of coordinates", base.node)
        if not alone:
            raise Unread("products beside other terms")
        left, right = self.coordinates(base.gate), self.coordinates(base.up)
        out = book.width(end(forms[0].terms[0].maps, base.axis))
        one_line = base.gate.terms[0].base == base.up.terms[0].base
        if one_line:
            book.at_most(lambda at: 2 * h(at), left)
        else:
            book.at_most(h, left)
            book.at_most(h, right)
        if one_line and out(self.reader.widths.here()) == 1:
            if base.gate.biases or base.up.biases:
                raise Unread("biases of products before one output")
            book.free("what keeps the form", lambda at: h(at) * (2 * h(at) - 1))
            book.free("scalings of units", h)
            return
        book.at_most(number(2), out)
        book.free("scalings of units", lambda at: 2 * h(at))

    def gate(self, base: Gate) -> None:
        """act(g) u of two lines."""
        book, h = self.book, self.book.width(base.axis)
        if base.kind == "smooth":
            book.step("gated units", base.node)
            self.private(base.gate)
            if not any(not m.diagonal for t in base.up.terms for m in t.maps):
                raise Unread("the factor of a gate is no map of a line")
            book.free("scalings of units", h)
        elif base.kind == "kinked":
            book.step("gated units with walls", base.node)
            self.wall(base.node, base.gate)
            self.private(base.gate)
            self.private(base.up)
            self.coprime(base)
            book.free("scalings of gates and of units", lambda at: 2 * h(at))
        else:
            raise Unread("products of two lines")

    def experts(self, base: Experts, depth: Count) -> None:
        """What a router and the units of its experts leave free; the router reads `depth` entries.
        """
        book, copies, hidden = self.book, *map(self.book.width, (base.copies, base.hidden))
        book.step("experts", base.node)
        if base.kind != "smooth" or base.shared and base.chosen < 2:
            raise Unread("experts with walls, or one that is chosen over its own sum")
        if len(base.router.terms) != 1 or sum(
                not m.diagonal for m in base.router.terms[0].maps) != 1:
            raise Unread("a router that is no matrix of one line")
        self.private(base.router)
        self.private(base.gate)
        book.at_most(less_one(copies), depth)
        self.all_chosen(base.shared)
        if base.up is not None:
            book.free("scalings of units", lambda at: copies(at) * hidden(at))
        if base.normalised:
            book.free("a common vector of the router", depth)
            book.free("a common bias of the router", number(sum(
                not b.maps for b in base.router.biases)))

    def all_chosen(self, shared: bool) -> None:
        """That choices connect the experts is said in words."""
        self.book.words("each expert is chosen by some inputs (of tokens by as many fresh ones)" + (
            ", those chosen together connect all" if shared else ""))

    def listed(self, base: Listed) -> None:
        """Experts that are units of inputs and a matrix; the logits are determined, or alike."""
        book, (t, *others) = self.book, base.router.terms
        book.step("experts", base.node)
        matrices = [m for m in t.maps if not m.diagonal]
        if others or len(matrices) != 1 or base.shared and base.chosen < 2:
            raise Unread("a router that is no matrix, or one expert over its own sum")
        self.private(base.router)
        if base.chosen == len(base.experts):
            return
        book.at_most(number(len(base.experts) - 1), book.width(matrices[0].ins))
        self.all_chosen(base.shared)
        units = [self.bases.of(e.terms[0]) for e in base.experts]
        if any(isinstance(u, Unit) and u.kind != "smooth" for u in units):
            book.words("every wall is reached where its expert is chosen")

    def coprime(self, base: Gate) -> None:
        """Gates and factors are no multiples of one another."""
        a, b = base.gate, base.up
        if len(a.terms) == len(b.terms) == 1 and a.terms[0].base == b.terms[0].base and not (
                a.biases and b.biases):
            first = self.bases.of(a.terms[0])
            self.book.at_most(number(2), self.book.width(first_axis(first)))

    def private(self, argument: Form) -> None:
        """Each argument has a symbol of its own, which nothing else in the program has (C-PRIV).

        What it is multiplied by is no constant, as norms of one entry are (of two, if centred).
        """
        self.varies(argument)
        for t in argument.terms:
            if any(not m.diagonal and self.reader.uses(m.node) == 1 for m in t.maps):
                return
        if len(argument.terms) == 1 and not argument.terms[0].maps and isinstance(
                self.bases.of(argument.terms[0]), Free):
            return
        raise Unread("arguments without a parameter of their own")

    def varies(self, argument: Form) -> None:
        """No norm that a line is made of is constant."""
        left, met = list(argument.terms), set[int]()
        while left:
            base = self.bases.of(t := left.pop())
            if t.base in met:
                continue
            met.add(t.base)
            if isinstance(base, Norm):
                if base.eps == 0:
                    self.book.at_most(
                        number(3 if base.centred else 2), self.book.width(base.axis))
                left += base.argument.terms
            elif isinstance(base, Unit):
                left += base.argument.terms
            elif isinstance(base, Gate):
                left += (*base.gate.terms, *base.up.terms)
            elif isinstance(base, Average):
                left += base.value.terms
            elif isinstance(base, Experts):
                left += [t for f in base.arguments for t in f.terms]

    def wall(self, line: int, argument: Form) -> None:
        """Walls that differ, of all values or said to be reached; nothing below has others."""
        place = line if self.beside is None else self.beside
        if self.walls not in (None, place):
            raise Unread("walls behind walls")
        self.walls = place
        self.private(argument)
        if any(not isinstance(self.bases.of(t), Free) for t in argument.terms):
            self.book.words("every wall is reached")
        if any(map(full, argument.biases)):
            return
        (t, *_) = argument.terms
        matrices = [m for m in t.maps if not m.diagonal]
        start = first_axis(self.bases.of(t))
        for axis in (start, *(m.outs for m in matrices[:-1])):
            self.book.at_most(number(2), self.book.width(axis))


def first_axis(base: object) -> tuple[int, int]:
    """The axis of a base."""
    if isinstance(base, (Average, Experts, Listed)):
        raise Unread("averages or experts before walls")
    assert isinstance(base, (Free, Unit, Gate, Norm))
    return base.axis
