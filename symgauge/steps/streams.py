"""Residual streams: dz = z A + c passes down beside every block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from symgauge.steps.averages import Average
from symgauge.steps.bound import Bound, Changes
from symgauge.steps.bases import Base, Free, Gate, Norm, Unit
from symgauge.steps.chains import chain, full, less_one, one, own
from symgauge.steps.experts import Experts
from symgauge.steps.heads import all_values, constants_added, count, fact, two
from symgauge.steps.norms import Reading, read_all
from symgauge.steps.reading import Bias, Form, Maps, Term
from symgauge.steps.rows import FACT as ROW
from symgauge.steps.rows import Joined, two_beside
from symgauge.steps.start import shift, start
from symgauge.steps.step import Count, number, total
from symgauge.steps.unread import Unread
from symgauge.steps.walk import Walk
from symgauge.steps.widths import Axis

Constants = list[tuple[Count, Count]]


@dataclass(frozen=True)
class Part:
    """A term on top of a stream, and what it reads: (line, whether it is loose)."""

    term: Term
    base: Base
    reads: tuple[tuple[Form, bool], ...]

    @property
    def maps(self) -> Maps:
        """The maps behind what it begins with; of experts the last matrices are among them."""
        first = (self.base.matrix,) if isinstance(self.base, Experts) else ()
        return (*first, *self.term.maps)

    def unseen(self, form: Form) -> int:
        """The dimension of the constants that nothing sees in what it reads: of logits 1."""
        return int(isinstance(self.base, Experts) and self.base.normalised
                   and form is self.base.router)


def stream(walk: Walk, form: Form, ones: bool) -> None:
    """A sum of lines: a matrix of a stream, or a stream as it is."""
    common = _common(form)
    if not any(not m.diagonal for m in common):
        if ones or form.node in walk.shifted:
            raise Unread("probabilities or exponents of a stream as it is")
        down(walk, form, form.axis, Bound())
        return
    if len(common) != 1 or form.node in walk.shifted:
        raise Unread("several maps behind a stream, or exponents of one")
    book, (u,) = walk.book, common
    book.step("head", form.node)
    book.settle([u])
    d, o = book.width(u.ins), book.width(u.outs)
    book.at_most(d, less_one(o) if ones else o)
    if ones:
        book.free("multiples of 1 in each row", d)
    mine = [b for b in form.biases if b.maps[-1:] != common]
    if len(mine) > 1 or not all(map(own, mine)):
        raise Unread("several biases of a head")
    book.settle(mine)
    if mine and ones:
        book.free("biases", one())
    inner = replace(
        form, axis=u.ins, terms=tuple(replace(t, maps=t.maps[:-1]) for t in form.terms),
        biases=tuple(replace(b, maps=b.maps[:-1]) for b in form.biases if b not in mine))
    spans(walk, inner.terms, d)
    down(walk, inner, u.ins, Bound(Changes.ALL, shift=bool(mine)))


def _common(form: Form) -> Maps:
    """The maps that all terms end with."""
    found: Maps = ()
    shortest = min(len(t.maps) for t in form.terms)
    for n in range(1, shortest + 1):
        ends = {t.maps[-n:] for t in form.terms}
        if len(ends) != 1:
            break
        (found,) = ends
    return found


def spans(walk: Walk, terms: Sequence[Term], d: Count) -> None:
    """The stream begins with a free input, or with a matrix of one that is as wide."""
    for t in terms:
        base = walk.bases.of(t)
        if isinstance(base, Joined) and not t.maps:
            spans(walk, base.free.terms, d)
            return
        if isinstance(base, Free) and len(t.maps) < 2:
            if t.maps and t.maps[0].diagonal:
                continue
            if t.maps:
                walk.book.at_most(d, walk.book.width(t.maps[0].ins))
            return
    raise Unread("a stream that does not begin with an input")


def down(walk: Walk, y: Form, axis: Axis, bound: Bound) -> None:
    """From a line of the stream to its start."""
    while True:
        moving = [t for t in y.terms if not isinstance(walk.bases.of(t), (Free, Joined))]
        under = {i for t in moving for i in _below(walk, t.base)}
        tops = [t for t in moving if t.base not in under]
        if not tops:
            break
        rest = tuple(t for t in y.terms if t not in tops)
        y, bound = _Block(walk, y, axis, tops, rest).down(bound)
    start(walk, y, axis, bound)


def _below(walk: Walk, i: int) -> set[int]:
    """The lines that a line is made of."""
    found: set[int] = set()
    stack = list(walk.reader.node(i).inputs)
    while stack:
        j = stack.pop()
        if j not in found:
            found.add(j)
            stack += walk.reader.node(j).inputs
    return found


class _Block:
    """What is added to the stream last: y = z + the parts."""

    def __init__(
        self, walk: Walk, y: Form, axis: Axis, tops: Sequence[Term], rest: tuple[Term, ...]
    ) -> None:
        self.walk, self.book, self.y, self.rest = walk, walk.book, y, rest
        self.width = walk.book.width(axis)
        self.parts = [self._part(t) for t in tops]
        if not rest:
            raise Unread("nothing passes beside a block")
        self.raw = len(rest) == 1 and not rest[0].maps and isinstance(
            walk.bases.of(rest[0]), Free)
        found = {frozenset(self._read(f)[1]) for p in self.parts for f, _ in p.reads}
        if len(found) != 1 or not next(iter(found)) <= set(y.biases):
            raise Unread("parts of a block that read other lines than the stream")
        (kept,) = found
        self.z = replace(y, terms=rest, biases=tuple(b for b in y.biases if b in kept))

    def _part(self, t: Term) -> Part:
        base = self.walk.bases.of(t)
        if isinstance(base, Unit):
            return Part(t, base, ((base.argument, False),))
        if isinstance(base, Gate):
            return Part(t, base, ((base.gate, False), (base.up, False)))
        if isinstance(base, Average):
            return Part(t, base, (
                (base.query, False), (base.key, base.normalised), (base.value, False)))
        if isinstance(base, Experts):
            return Part(t, base, tuple((f, False) for f in (*base.arguments, base.router)))
        raise Unread("a norm or an input on top of a stream")

    def _read(self, form: Form) -> tuple[Norm | None, tuple[Bias, ...], Maps]:
        """The norm between, the biases of the stream, the maps behind."""
        if len(form.terms) == 1:
            base = self.walk.bases.of(form.terms[0])
            if isinstance(base, Norm):
                if set(base.argument.terms) != set(self.rest):
                    raise Unread("a norm of another line than the stream")
                return base, base.argument.biases, form.terms[0].maps
        wanted = {t.base: t.maps for t in self.rest}
        behind = set()
        for t in form.terms:
            inner = wanted.get(t.base)
            if inner is None or t.maps[:len(inner)] != inner:
                raise Unread("a block that reads another line than the stream")
            behind.add(t.maps[len(inner):])
        if len(behind) != 1 or {t.base for t in form.terms} != set(wanted) or len(
                wanted) < len(self.rest):
            raise Unread("a block that reads another line than the stream")
        (maps,) = behind
        if not any(not m.diagonal for m in maps):
            raise Unread("a block that reads the stream without a matrix")
        n = len(maps)
        return None, tuple(replace(b, maps=b.maps[:-n]) for b in form.biases
                           if b.maps[-n:] == maps), maps

    def down(self, bound: Bound) -> tuple[Form, Bound]:
        """The stream below, and how it may vary."""
        book, free = self.book, bound.ones == "free"
        seen = less_one(self.width) if free else self.width
        smooth: list[Count] = []
        constants: Constants = []
        self._row_of_parameters(bound, seen)
        for p in self.parts:
            book.step("block behind a skip", p.base.node)
            chain(book, p.maps, free)
            if isinstance(p.base, Average):
                constants += self._average(p, p.base, seen)
                continue
            if isinstance(p.base, Experts):
                smooth.append(book.width(p.base.hidden))
                self._experts(p.base)
                continue
            assert isinstance(p.base, (Unit, Gate))
            self._units(p.base)
            if p.base.kind == "smooth":
                smooth.append(book.width(p.base.axis))
        if bound.projective:
            bound = self._no_field(bound, smooth, seen)
        bound, whole = self._biases(bound, seen, constants)
        if self.raw:
            bound = replace(bound, matrix=Changes.NONE, scale=False)
        if not whole:
            norms = [(p.base, self._read(p.reads[2][0])[0]) for p in self.parts
                     if isinstance(p.base, Average)]
            bound = constants_added(self.walk, norms, self.width, seen, bound)
        parts = [self._loosened(p, whole) for p in self.parts]
        return self.z, self._readers(parts, bound)

    def _row_of_parameters(self, bound: Bound, seen: Count) -> None:
        """The rows beside one of parameters settle the block, as they see one another."""
        row = next((b for t in self.rest if isinstance(b := self.walk.bases.of(t), Joined)), None)
        if row is None:
            return
        book = self.book
        book.step(ROW, self.parts[0].base.node)
        norms = [self._read(f)[0] for p in self.parts for f, _ in p.reads]
        if bound.scale or any(n is None or n.eps == 0 for n in norms):
            raise Unread("a row of parameters without norms, or one without epsilon")
        for k, p in enumerate(self.parts):
            base = p.base
            if isinstance(base, Average) and base.normalised:
                if self.walk.reader.node(base.node).shape[-2] != row.count:
                    raise Unread("averages of other rows than those beside parameters")
                book.at_most(seen, all_values(book, base))
                book.words("two of the free rows are seen by one of them")
                two_rows = two_beside(base.pairs, row)
                self.parts[k] = replace(p, base=replace(base, sees_two=two_rows))
                self.walk.mixed = True
            elif not isinstance(base, (Unit, Gate)) or base.kind != "smooth":
                raise Unread("other parts than smooth units above a row of parameters")

    def _units(self, base: Unit | Gate) -> None:
        if base.kind not in ("smooth", "kinked"):
            raise Unread("units behind a skip that are no smooth and no kinked ones")
        if isinstance(base, Unit):
            self.walk.unit(base, (), False)
        else:
            self.walk.gate(base)

    def _experts(self, base: Experts) -> None:
        norms = [self._read(f)[0] for f in (*base.arguments, base.router)]
        if not self.raw and None in norms:
            raise Unread("experts that read the stream without a norm")
        centred = norms[-1] is not None and norms[-1].centred
        self.walk.experts(base, less_one(self.width) if centred else self.width)

    def _average(self, part: Part, base: Average, seen: Count) -> Constants:
        maps = part.term.maps
        if not maps or maps[0].diagonal or sum(not m.diagonal for m in maps) != 1:
            raise Unread("averages without one matrix behind them")
        self.book.step(fact(base), base.node)
        two(self.book, base)
        norms = [self._read(f)[0] for f, _ in part.reads]
        if not self.raw and None in norms:
            raise Unread("averages that read the stream without a norm")
        start = next(t for t in self.rest if isinstance(self.walk.bases.of(t), (Free, Joined)))
        if not self.walk.reader.is_list(start.base):
            raise Unread("an input that is no plain list of tokens")
        depths = [less_one(self.width) if n is not None and n.centred else self.width
                  for n in norms]
        biased = [any(map(own, f.biases)) for f, _ in part.reads]
        return count(self.book, base, depths, biased, seen)

    def _no_field(self, bound: Bound, smooth: Sequence[Count], seen: Count) -> Bound:
        """Units exclude the projective fields that a norm before the head lets stand.

        Smooth ones by their atoms, those with walls by their jump, where a norm is between.
        """
        if not smooth:
            (top, *others) = self.parts
            if bound.scale or others or not isinstance(top.base, Unit) or self._read(
                    top.base.argument)[0] is None:
                raise Unread("no smooth units below the last norm")
            self.book.step("walls below a last norm", self.y.node)
            self.book.at_most(number(3), seen)
        elif bound.scale:
            first, width = smooth[0], self.width
            self.book.needs(lambda at: width(at) >= 3 or first(at) >= 2)
            self.book.steps[-1].cases += [(number(3), width), (number(2), first)]
        return replace(bound, projective=False)

    def _biases(self, bound: Bound, seen: Count, constants: Constants) -> tuple[Bound, bool]:
        """dz = z A + c': what the block's own biases let c' be."""
        book = self.book
        mine = [b for b in self.y.biases if b not in self.z.biases]
        book.step("bias", self.y.node)
        if any(b.table or any(m.node not in book.settled for m in b.maps) for b in mine):
            raise Unread("a bias of a block behind maps of its own")
        book.settle(mine)
        whole = total((*(book.width(b.axis) for b in mine), *(n for n, _ in constants)))
        if any(map(full, mine)):
            book.free("biases", lambda at: whole(at) - seen(at))
            self._shift(bound)
            return replace(bound, shift=True), True
        if mine:
            raise Unread("a bias of a block behind a matrix")
        if not constants:
            return bound, False
        if bound.shift or bound.ones == "constant":
            raise Unread("the values' biases stand against a shift")
        book.free("biases", lambda at: whole(at) - max(r(at) for _, r in constants))
        return replace(bound, shift=True), False

    def _shift(self, bound: Bound) -> None:
        shift(self.walk, self.width, bound)

    def _loosened(self, part: Part, whole: bool) -> Part:
        """A constant added to values is one added to averages: a full bias undoes it."""
        base = part.base
        if not isinstance(base, Average) or not base.normalised:
            return part
        query, key, (value, _) = part.reads
        return replace(part, reads=(query, key, (value, whole)))

    # -- readers ----------------------------------------------------------------------------------

    def _readers(self, parts: Sequence[Part], bound: Bound) -> Bound:
        behind: dict[tuple[int, Maps], tuple[Norm, list[Reading]]] = {}
        plain: list[Reading] = []
        for form, loose, unseen in ((*r, p.unseen(r[0])) for p in parts for r in p.reads):
            norm, _, maps = self._read(form)
            if norm is None:
                mine = tuple(b for b in form.biases if b.maps[-len(maps):] != maps)
                plain.append(Reading(maps, mine, loose))
            else:
                # each gain with its own readers: dB = - A B of all, with one A
                behind.setdefault((norm.node, maps[:-1]), (norm, []))[1].append(
                    Reading(maps, form.biases, loose, unseen))
        if not self.raw:
            spans(self.walk, self.rest, self.width)
        for norm, readings in behind.values():
            read_all(self.book, norm, readings)
            bound = self._normed(norm, bound)
        if plain:
            bound = self._plain(plain, bound)
        return replace(bound, shift=False) if self.raw else bound

    def _normed(self, norm: Norm, bound: Bound) -> Bound:
        """What a norm of the stream lets stand of its variation."""
        self.book.at_most(number(3 if norm.centred else 2), self.width)
        scale = bound.scale and norm.eps == 0
        if not norm.centred:
            if bound.ones:
                raise Unread("a norm that sees 1 below one that does not")
            if bound.matrix is Changes.ALL:
                return replace(bound, matrix=Changes.TURNS, scale=norm.eps == 0, shift=False)
            return replace(bound, scale=scale, shift=False)
        if bound.matrix is Changes.ALL or bound.matrix is Changes.TURNS and not bound.ones:
            raise Unread("a norm that does not see 1 below one that does")
        if bound.ones != "free" and (bound.shift or bound.ones == "constant"):
            return replace(bound, shift=False, ones="constant")
        return replace(bound, scale=scale, shift=False)

    def _plain(self, readings: Sequence[Reading], bound: Bound) -> Bound:
        book = self.book
        book.step("readers of the stream", self.z.node)
        if bound.ones == "free":
            raise Unread("a reader that sees 1 below a norm that does not")
        for r in readings:
            chain(book, r.maps)
            if len(r.biases) > 1 or not all(map(own, r.biases)):
                raise Unread("several biases of one reader")
            book.settle(r.biases)
        open_ = [r for r in readings if not r.biased and not r.loose]
        if self.raw or not open_ or not (bound.shift or bound.ones):
            return bound
        book.at_most(self.width, total(
            book.width(next(m for m in r.maps if not m.diagonal).outs) for r in open_))
        return replace(bound, shift=False, ones="")
