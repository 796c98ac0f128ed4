r"""A matrix on a leg: the value varies by A on some leaves, by -A^T on others.

The kinds of A: gl (any), so (A^T = -A), so1 (so, and A 1 = 0), complex (a + b J on pairs of
entries, J the quarter turn), centred (A = u 1^T, which is 0 on what sums to 0). A may differ from
copy to copy (a matrix for each head): the leaves that number the copies go along, and what belongs
together must stay side by side.

Lemmas, with g = exp A:

- contraction: (x g^T)(g^-T y) = x y; under so also (x g^T)(g y), since g^T g = 1;
- product: (g x) y = g (x y) where y is constant along the leaf; sums: g x + g y = g (x + y);
- g z = z and z (g^-T y) = z y where 1^T z = 0, under centred (g = 1 + u 1^T): a norm's value,
  to which a bias is added, and which is read;
- |g x|^2 = |x|^2 under so; x - mean x and (x - mean x)/sd commute with so1, and 1^T g = 1^T;
- a rotary embedding is multiplication by a complex number: it commutes with complex;
- whatever only moves entries takes the leaves with it;
- the flow of v from x to its end: v(g x; g theta) = g v(x; theta) for all x, t.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from symgauge.families.kind import MatrixKind
from symgauge.proof.intertwiners.sweep import Step, side_by_side, start_of_field, sweep
from symgauge.spaces.facts import flat_leaves, is_one, is_zero, totals_of
from symgauge.spaces.line import Address, Line, NoLemma
from symgauge.spaces.reads import views_of
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class Mark:
    """A acts on a leaf (parity 1), or -A^T (parity -1); `copies` are the leaves that number A."""

    parity: int
    copies: tuple[Address, ...] = ()


@dataclass(frozen=True)
class Turned:
    """The leaves on which the matrix acts; `squared` where only the sum of squares is left."""

    marks: Mapping[Address, Mark]
    squared: bool = False


def prove_matrix(
    structure: Structure, kind: MatrixKind, start: Mapping[int, Mapping[Address, Mark]]
) -> list[Step[Turned]]:
    """The proof that the outputs do not vary. Raises NoLemma where a line has no lemma."""
    lemmas = _Lemmas(structure, kind)
    steps, ends = sweep(structure, {i: Turned(m) for i, m in start.items() if m}, lemmas)
    if ends:
        raise NoLemma("an output turns")
    return steps


@dataclass(frozen=True)
class Joined:
    """A proved family of matrices: the marks of the parameters that turn, and the steps."""

    marks: Mapping[int, Mapping[Address, Mark]]
    steps: list[Step[Turned]]


def prove_joined(
    structure: Structure, kind: MatrixKind, start: Mapping[int, Mapping[Address, Mark]]
) -> Joined:
    """The parameters that must turn along with those of the start, and the proof.

    A parameter joins where a value that turns is added to it or contracted with it, or with a sum
    in which it is. Raises NoLemma where that is not enough.
    """
    marks = {i: dict(own) for i, own in start.items()}
    while True:
        lemmas = _Lemmas(structure, kind, marks)
        steps, ends = sweep(structure, {i: Turned(m) for i, m in marks.items()}, lemmas)
        if lemmas.joined is not None:
            node, address, mark = lemmas.joined
            marks.setdefault(node, {})[address] = mark
            continue
        if ends:
            raise NoLemma("an output turns")
        return Joined(marks, steps)


def _places(*marks: Mark, at: Iterable[Address]) -> list[Address]:
    """All addresses that marks speak of."""
    return [*at, *(c for mark in marks for c in mark.copies)]


class _Lemmas:
    def __init__(
        self, structure: Structure, kind: MatrixKind,
        start: Mapping[int, Mapping[Address, Mark]] | None = None,
    ) -> None:
        """With a `start` parameters may join it."""
        self.structure, self.kind = structure, kind
        self.orthogonal = kind.orthogonal
        self.start = start
        #: A parameter that would join: the sweep is done again with it.
        self.joined: tuple[int, Address, Mark] | None = None

    def __call__(self, line: Line, inputs: list[Turned | None]) -> Turned | None:
        if self.joined is not None:
            return None  # this sweep is void
        if any(t is not None and t.squared for t in inputs):
            return self._squared(line, inputs)
        rule = {
            "move": self._move, "sum": self._sum, "sum of lines": self._add,
            "product": self._product, "contraction": self._contraction,
            "homogeneous": self._power, "centring": self._centre,
            "standardising": self._centre, "rotary": self._rotary, "flow": self._flow,
        }.get(line.law)
        if rule is None:
            raise NoLemma(f"{line.op} is not linear")
        found = rule(line, inputs)
        return found if found is not None and (found.marks or found.squared) else None

    def _moved(self, line: Line, k: int, turned: Turned | None) -> dict[Address, Mark]:
        """Marks where the entries went."""
        out: dict[Address, Mark] = {}
        for address, mark in ({} if turned is None else turned.marks).items():
            there = self.structure.move(line, k, address)
            if there is None:
                if line.op == "slice" and len(address) > 2:
                    continue  # another summand was taken
                raise NoLemma("an entry is taken out of a leg that turns")
            copies = []
            for c in mark.copies:
                moved = self.structure.move(line, k, c)
                if moved is None:
                    raise NoLemma("copies are mixed")
                copies.append(moved)
            out[there] = Mark(mark.parity, tuple(copies))
        return out

    def _move(self, line: Line, inputs: list[Turned | None]) -> Turned:
        out: dict[Address, Mark] = {}
        for k, turned in enumerate(inputs):
            for address, mark in self._moved(line, k, turned).items():
                if out.setdefault(address, mark) != mark:
                    raise NoLemma("joined values turn differently")
        if line.op == "concatenate":
            for address in out:
                # along other axes than the joined one all pieces must turn alike
                if address[0] != line.attrs["axis"] and not all(
                        t is not None and address in t.marks for t in inputs):
                    raise NoLemma("joined values turn differently")
        return Turned(out)

    def _add(self, line: Line, inputs: list[Turned | None]) -> Turned:
        a, b = ({} if t is None else dict(t.marks) for t in inputs)
        self.structure.require_aligned(line, _places(*a.values(), *b.values(), at=(*a, *b)))
        for mine, other, k in ((a, b, 1), (b, a, 0)):
            for address, mark in mine.items():
                if self._same(other.get(address), mark) or is_zero(self.structure, line.inputs[k]):
                    continue
                if address not in other and self._fixed_by(address, line.inputs[k], mark.parity):
                    continue
                if address not in other and self._joins(line.inputs[k], address, mark):
                    return Turned({})
                raise NoLemma("the summands turn differently")
        return Turned({**b, **a})

    def _same(self, a: Mark | None, b: Mark) -> bool:
        return a is not None and a.copies == b.copies and (
            self.orthogonal or a.parity == b.parity)

    def _fixed_by(self, address: Address, node: int, parity: int) -> bool:
        """Whether A, acting with this parity, is 0 on a value: A 1 = 0, or u 1^T z = 0."""
        if self.kind.fixes_ones:
            return address in flat_leaves(self.structure)[node]
        whole = [a for a in self.structure.top(node) if a[0] == address[0]] == [address]
        return self.kind.fixes_sums_of_0 and parity == 1 and whole and (
            totals_of(self.structure).get(node, {}).get(address[0]) == 0)

    def _joins(self, node: int, address: Address, mark: Mark) -> bool:
        """Whether a line shows a parameter that can turn so there, or adds one; it joins."""
        view, line = views_of(self.structure).get(node), self.structure.lines.get(node)
        if self.start is None or line is None:
            return False
        if view is None:
            return line.law == "sum of lines" and any(
                self._joins(j, address, mark) for j in line.inputs)
        back = {there: mine for mine, there in view.places.items()}
        if any(a not in back for a in (address, *mark.copies)):
            return False
        at = back[address]
        if at in self.start.get(view.parameter, ()):
            return False
        self.joined = (
            view.parameter, at, Mark(mark.parity, tuple(back[c] for c in mark.copies)))
        return True

    def _product(self, line: Line, inputs: list[Turned | None]) -> Turned:
        out: dict[Address, Mark] = {}
        for k, turned in enumerate(inputs):
            other = line.inputs[1 - k]
            marks = {} if turned is None else turned.marks
            self.structure.require_aligned(line, _places(*marks.values(), at=marks))
            for address, mark in marks.items():
                flat = address in flat_leaves(self.structure)[other] or (
                    is_one(self.structure, other))
                if not flat or address in out:
                    raise NoLemma("an entrywise product along a leg that turns")
                out[address] = mark
        return Turned(out)

    def _power(self, line: Line, inputs: list[Turned | None]) -> Turned:
        (turned,) = inputs
        assert turned is not None
        if line.op == "power" and line.attrs["exponent"] == 2 and self.orthogonal:
            return Turned(turned.marks, squared=True)
        raise NoLemma(f"{line.op} is not linear")

    def _squared(self, line: Line, inputs: list[Turned | None]) -> Turned | None:
        """Squares of the entries: only their sum over the whole axis is known not to vary."""
        (turned, *rest) = inputs
        if rest or turned is None:
            raise NoLemma("squares of single entries are used")
        if line.op == "scale":
            return turned
        if line.law != "sum":
            raise NoLemma("squares of single entries are used")
        for address in turned.marks:
            if address[0] not in line.attrs["axes"] or not self._alone(line.inputs[0], address):
                raise NoLemma("squares of single entries are used")
        if len(turned.marks) != 1:
            raise NoLemma("squares of a value that turns twice")
        return None

    def _alone(self, node: int, address: Address) -> bool:
        """Whether a leaf is no part of a direct sum. Copies beside it are summed too."""
        return len(address) == 2

    def _sum(self, line: Line, inputs: list[Turned | None]) -> Turned:
        (turned,) = inputs
        assert turned is not None
        kept = {}
        for address, mark in turned.marks.items():
            if address[0] not in line.attrs["axes"]:
                kept[address] = mark
            elif not self.kind.fixes_ones or len(address) != 2:
                raise NoLemma("a sum over a leg that turns")
        return Turned(self._moved(line, 0, Turned(kept)))

    def _contraction(self, line: Line, inputs: list[Turned | None]) -> Turned:
        rank = len(line.shape)
        a, b = ({} if t is None else dict(t.marks) for t in inputs)
        inner = (rank - 1, rank - 2)
        left = {x[1:]: m for x, m in a.items() if x[0] == inner[0]}
        right = {x[1:]: m for x, m in b.items() if x[0] == inner[1]}
        if left or right:
            if not self.structure.contracts_alike(line):
                raise NoLemma("a contraction of different index spaces")
        for mine, theirs, k in ((left, right, 1), (right, left, 0)):
            for place, mark in mine.items():
                other = theirs.get(place)
                if other is None:
                    there = (inner[k], *place)
                    # w^T A^-1 z: z meets what is contragredient to the other factor's turn
                    if self._fixed_by(there, line.inputs[k], -mark.parity):
                        continue
                    copies = tuple(
                        (inner[k], *c[1:]) if c[0] == inner[1 - k] else c for c in mark.copies)
                    if self._joins(line.inputs[k], there, Mark(-mark.parity, copies)):
                        return Turned({})
                    raise NoLemma("one factor of a contraction turns alone")
                if not self.orthogonal and other.parity == mark.parity:
                    raise NoLemma("both factors of a contraction turn alike")
                if not side_by_side(
                        mark.copies, other.copies, (inner[1 - k], inner[k])):
                    raise NoLemma("copies are mixed")
        out: dict[Address, Mark] = {}
        for mine, k in ((a, 0), (b, 1)):
            for address, mark in mine.items():
                if address[0] == inner[k]:
                    continue
                if address[0] < rank - 2 and address not in flat_leaves(self.structure)[
                        line.inputs[1 - k]]:
                    raise NoLemma("an entrywise product along a leg that turns")
                if any(c[0] == inner[k] for c in mark.copies):
                    raise NoLemma("copies are summed")
                if address in out:
                    raise NoLemma("both factors turn along a batch")
                batch = [x for x in (address, *mark.copies) if x[0] < rank - 2]
                self.structure.require_aligned(line, batch)
                out[address] = mark
        return Turned(out)

    def _centre(self, line: Line, inputs: list[Turned | None]) -> Turned:
        (turned,) = inputs
        assert turned is not None
        for address, mark in turned.marks.items():
            if any(c[0] in line.attrs["axes"] for c in mark.copies):
                raise NoLemma("copies are mixed")
            if address[0] in line.attrs["axes"]:
                whole = [x for x in self.structure.top(line.inputs[0])
                         if x[0] in line.attrs["axes"]]
                if not self.kind.fixes_ones or whole != [address]:
                    raise NoLemma("a mean over a leg that turns")
            elif line.law == "standardising":
                raise NoLemma(f"{line.op} is not linear")
        return Turned({self._same_place(line, x): m for x, m in turned.marks.items()})

    def _same_place(self, line: Line, address: Address) -> Address:
        if self.structure.leg_at(line.inputs[0], address) != self.structure.leg_at(
                line.node, address):
            raise NoLemma("an op moves entries across index spaces")
        return address

    def _rotary(self, line: Line, inputs: list[Turned | None]) -> Turned:
        (turned,) = inputs
        assert turned is not None
        last, end = len(self.structure.axes[line.inputs[0]]) - 1, len(line.shape) - 1
        source = self.structure.leaves(line.inputs[0], last)
        there = self.structure.leaves(line.node, end)
        for address, mark in turned.marks.items():
            if not self.kind.commutes_with_turns or address[0] != last or len(address) != 2:
                raise NoLemma("a rotary embedding along a leg that turns")
            if line.attrs["pairs"] == "halves":
                fits = len(source) == len(there) == 1
            else:
                fits = address[1] == len(source) - 1 and [x for x, _ in source] == [
                    x for x, _ in there] and self.structure.size(source[-1][0]) == 2
            if not fits:
                raise NoLemma("a rotary embedding of other pairs")
        return Turned(self._moved(line, 0, turned))

    def _flow(self, line: Line, inputs: list[Turned | None]) -> Turned | None:
        field = self.structure.field(line)
        start = start_of_field(line, field, inputs)
        _, ends = sweep(field, start, _Lemmas(field, self.kind))
        velocity = ends.get(field.network.outputs[0])
        if velocity != inputs[0]:
            raise NoLemma("the velocity of a flow turns differently from its state")
        return velocity
