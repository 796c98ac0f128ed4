r"""Shifts: a parameter moves by c, and others by what compensates it.

A line varies by terms, each a number times c, or times T c (a parameter T contracted with c): the
term's indices sit on some leaves of the line, and it is constant along all others. Or it is *free*:
known to be constant along some leaves, and anything along the others, data included.

Lemmas:

- sum over j of P_ij c = c where the rows of P sum to 1, and 0 where they sum to 0;
- W (x + c) = W x + W c;
- softmax, log-softmax, standardising, centring and the order along an axis forget what is constant
  along it;
- (q . c) is the same for every key: a shift of the keys is free, and constant along the keys;
- a sum absorbs: where a parameter is added that has the leaves of the term, it moves by minus it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod
from typing import Any

from symgauge.program.legs import Ref
from symgauge.proof.intertwiners.sweep import Step, start_of_field, sweep
from symgauge.spaces.facts import flat_leaves, is_one, mask_at, totals_of
from symgauge.spaces.line import Address, Line, NoLemma
from symgauge.spaces.reads import views_of
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class Term:
    """A number times c, or times T c. `at` says where each of its own indices sits in the line.

    The indices of c are numbered by its elements' order; those of T c by T's own leaves.
    """

    at: tuple[tuple[Any, Address], ...]
    source: int | None = None
    #: The leaves of T that c is contracted with, in the order of c's indices.
    contracted: tuple[Address, ...] = ()

    @property
    def carried(self) -> frozenset[Address]:
        """The leaves along which the term is not constant."""
        return frozenset(a for _, a in self.at)


@dataclass(frozen=True)
class Shifted:
    """Terms with their numbers; or free: constant along all leaves but `varying`."""

    terms: Mapping[Term, Fraction] = field(default_factory=dict)
    varying: frozenset[Address] | None = None
    #: The constant of zeros and ones outside of which nothing is said.
    mask: Any = None

    @property
    def carried(self) -> frozenset[Address]:
        """The leaves along which the variation is not constant."""
        found = self.varying or frozenset()
        return found.union(*(t.carried for t in self.terms))

    def __bool__(self) -> bool:
        # 0 where a mask is 1 is not yet 0
        return bool(self.terms) or self.varying is not None or self.mask is not None


@dataclass(frozen=True)
class Compensated:
    """A proved family of shifts: what each parameter's line moves by, and the steps."""

    moves: Mapping[int, Mapping[Term, Fraction]]
    steps: Sequence[Step[Shifted]]


def prove_shift(structure: Structure, parameter: int, leaves: Sequence[Address]) -> Compensated:
    """The parameter moves by c on these leaves, constant along its others; others compensate.

    First parameters that are summands themselves compensate; then those inside a summand that is
    a sum. Raises NoLemma where no compensation is found.
    """
    try:
        return _compensated(structure, parameter, leaves, deep=False)
    except NoLemma:
        return _compensated(structure, parameter, leaves, deep=True)


def _compensated(
    structure: Structure, parameter: int, leaves: Sequence[Address], deep: bool
) -> Compensated:
    moves: dict[int, dict[Term, Fraction]] = {
        parameter: {Term(tuple(enumerate(leaves))): Fraction(1)}
    }
    while True:
        lemmas = _Lemmas(structure, moves, deep=deep)
        start = {i: Shifted(terms) for i, terms in moves.items()}
        steps, ends = sweep(structure, start, lemmas)
        if lemmas.absorbed is not None:
            target, terms = lemmas.absorbed
            moves[target] = terms
            continue
        if ends:
            raise NoLemma("an output is shifted")
        return Compensated(moves, steps)


class _Lemmas:
    def __init__(
        self, structure: Structure, moves: Mapping[int, Mapping[Term, Fraction]],
        absorbs: bool = True, deep: bool = False,
    ) -> None:
        self.structure, self.moves = structure, moves
        self.absorbs, self.deep = absorbs, deep
        #: A parameter that would compensate: the sweep is done again with it.
        self.absorbed: tuple[int, dict[Term, Fraction]] | None = None

    def __call__(self, line: Line, inputs: list[Shifted | None]) -> Shifted | None:
        if self.absorbed is not None:
            return None  # this sweep is void
        masked = next((s.mask for s in inputs if s is not None and s.mask is not None), None)
        if masked is not None and line.op != "scale" and (
                line.law not in ("sum of lines", "normaliser")):
            raise NoLemma("masked entries are used")
        rule = {
            "move": self._move, "sum": self._sum_over, "sum of lines": self._add,
            "product": self._product, "contraction": self._contraction,
            "normaliser": self._normalise, "centring": self._forget,
            "standardising": self._forget, "locally constant": self._order, "flow": self._flow,
        }.get(line.law)
        if rule is None:
            raise NoLemma(f"{line.op} is not affine")
        found = rule(line, inputs)
        return found if found else None

    # -- moves -----------------------------------------------------------------------------------

    def _relocated(self, line: Line, k: int, given: Shifted) -> Shifted:
        factor = Fraction(line.attrs["factor"]) if line.op == "scale" else Fraction(1)
        terms: dict[Term, Fraction] = {}
        varying: set[Address] | None = None if given.varying is None else set()
        for term, c in given.terms.items():
            at = [(key, self.structure.move(line, k, a)) for key, a in term.at]
            if any(a is None for _, a in at):
                if line.op == "slice" and any(
                        a is None and len(old) > 2
                        for (_, a), (_, old) in zip(at, term.at, strict=True)):
                    continue  # another summand was taken
                raise NoLemma("an entry is taken out of a shift")
            kept = tuple((key, a) for key, a in at if a is not None)
            moved = Term(kept, term.source, term.contracted)
            terms[moved] = terms.get(moved, Fraction(0)) + c * factor
        for a in given.varying or ():
            there = self.structure.move(line, k, a)
            if varying is None:
                continue
            if there is not None:
                varying.add(there)
            elif line.op == "slice" and len(a) == 2:
                # a summand of a leaf along which it varies
                varying |= {x for x in self.structure.top(line.node) if x[0] == a[0]}
        if line.op == "take" and any(
                a[0] == line.attrs["axis"] for a in given.varying or ()) and varying is not None:
            axes = range(line.attrs["axis"], line.attrs["axis"] + len(line.shape) - len(
                self.structure.axes[line.inputs[0]]) + 1)
            varying |= {a for a in self.structure.top(line.node) if a[0] in axes}
        return Shifted(terms, None if varying is None else frozenset(varying), given.mask)

    def _move(self, line: Line, inputs: list[Shifted | None]) -> Shifted:
        if line.op != "concatenate":
            assert inputs[0] is not None
            return self._relocated(line, 0, inputs[0])
        out = Shifted()
        for k, given in enumerate(inputs):
            if given is None:
                continue
            moved = self._relocated(line, k, given)
            axis = line.attrs["axis"]
            # 0 on the other pieces: not constant along the joined axis, unless a part says so
            if all(any(a[:1] == (axis,) for a in t.carried) for t in moved.terms) and (
                    moved.varying is None):
                out = self._join(out, moved)
            else:
                out = self._join(out, Shifted({}, moved.carried | {(axis, 0)}, moved.mask))
        return out

    def _join(self, a: Shifted, b: Shifted) -> Shifted:
        terms = dict(a.terms)
        for term, c in b.terms.items():
            terms[term] = terms.get(term, Fraction(0)) + c
        free = [s.varying for s in (a, b) if s.varying is not None]
        if a.mask is not None and b.mask is not None and a.mask != b.mask:
            raise NoLemma("two masks")
        mask = a.mask if a.mask is not None else b.mask
        return Shifted(
            {t: c for t, c in terms.items() if c}, frozenset().union(*free) if free else None, mask
        )

    # -- sums ------------------------------------------------------------------------------------

    def _add(self, line: Line, inputs: list[Shifted | None]) -> Shifted:
        a, b = (Shifted() if s is None else s for s in inputs)
        joined = self._join(a, b)
        if joined.terms and self.absorbs and joined.varying is None and joined.mask is None:
            for k, given in ((1, inputs[0]), (0, inputs[1])):
                found = None if given is None else self._absorber(line.inputs[k], joined)
                if found is not None:
                    self.absorbed = found
                    return Shifted()
        return joined

    def _absorber(
        self, node: int, given: Shifted
    ) -> tuple[int, dict[Term, Fraction]] | None:
        """The parameter behind a summand, and what it must move by to cancel all terms."""
        view = views_of(self.structure).get(node)
        line = self.structure.lines.get(node)
        if self.deep and view is None and line is not None and line.law == "sum of lines":
            found = (self._absorber(j, given) for j in line.inputs)
            return next((x for x in found if x is not None), None)
        if view is None or view.parameter in self.moves or not view.factor:
            return None
        back = {there: mine for mine, there in view.places.items()}
        wanted: dict[Term, Fraction] = {}
        for term, c in given.terms.items():
            if any(a not in back for a in term.carried):
                return None
            at = tuple((key, back[a]) for key, a in term.at)
            wanted[Term(at, term.source, term.contracted)] = -c / view.factor
        # where the summand is repeated the term must be constant: it has no leaf there
        return view.parameter, wanted

    def _sum_over(self, line: Line, inputs: list[Shifted | None]) -> Shifted:
        (given,) = inputs
        assert given is not None
        axes = line.attrs["axes"]
        if not any(a[0] in axes for a in given.carried) and given.varying is None:
            shape = self.structure.network.nodes[line.inputs[0]].shape
            count = prod(shape[a] for a in axes)
            moved = self._relocated(line, 0, given)
            return Shifted({t: c * count for t, c in moved.terms.items()})
        kept = frozenset(
            x for a in given.carried if a[0] not in axes
            and (x := self.structure.move(line, 0, a)) is not None
        )
        return Shifted({}, kept)

    # -- products --------------------------------------------------------------------------------

    def _product(self, line: Line, inputs: list[Shifted | None]) -> Shifted:
        if all(s is not None for s in inputs):
            raise NoLemma("a product of two shifts")
        k = 0 if inputs[0] is not None else 1
        given, other = inputs[k], line.inputs[1 - k]
        assert given is not None
        if is_one(self.structure, other):
            return given
        mask = mask_at(self.structure, other)
        if mask is not None and given.mask in (None, mask):
            return Shifted(given.terms, given.varying, mask)
        along = frozenset(self.structure.top(line.node)) - flat_leaves(self.structure)[other]
        return Shifted({}, given.carried | along)

    def _contraction(self, line: Line, inputs: list[Shifted | None]) -> Shifted:
        if all(s is not None for s in inputs):
            raise NoLemma("a product of two shifts")
        k = 0 if inputs[0] is not None else 1
        given = inputs[k]
        assert given is not None
        rank = len(line.shape)
        inner = (rank - 1, rank - 2)
        other = line.inputs[1 - k]
        out = Shifted()
        for term, c in given.terms.items():
            out = self._join(out, self._contracted(line, k, term, c))
        if given.varying is None:
            return out
        if not any(a[0] == inner[k] for a in given.varying):
            total = totals_of(self.structure).get(other, {}).get(inner[1 - k])
            if total is not None:
                return self._join(out, Shifted({}, given.varying)) if total else out
        rest = frozenset(a for a in given.varying if a[0] != inner[k])
        return self._join(out, Shifted({}, rest | self._of_other(line, k)))

    def _of_other(self, line: Line, k: int) -> frozenset[Address]:
        """The leaves of a contraction along which its other factor varies."""
        rank = len(line.shape)
        other = line.inputs[1 - k]
        own = (rank - 1, rank - 2)[1 - k]
        return frozenset(
            a for a in self.structure.top(other)
            if a[0] != own and a not in flat_leaves(self.structure)[other]
        )

    def _contracted(self, line: Line, k: int, term: Term, c: Fraction) -> Shifted:
        rank = len(line.shape)
        inner = (rank - 1, rank - 2)
        other = line.inputs[1 - k]
        on = [(key, a) for key, a in term.at if a[0] == inner[k]]
        free = frozenset(a for a in term.carried if a[0] != inner[k])
        if not on:
            total = totals_of(self.structure).get(other, {}).get(inner[1 - k])
            if total is not None:
                return Shifted({term: c}) if total else Shifted()
            return Shifted({}, free | self._of_other(line, k))
        view = views_of(self.structure).get(other)
        exact = (
            view is not None and term.source is None and not free
            and view.parameter not in self.moves
            and self.structure.contracts_alike(line)
        )
        if not exact or view is None:
            return Shifted({}, free | self._of_other(line, k))
        back = {there: mine for mine, there in view.places.items()}
        swapped = [(inner[1 - k], *a[1:]) for _, a in sorted(on, key=lambda pair: pair[0])]
        rest = [a for a in self.structure.top(other) if a[0] != inner[1 - k]]
        summed = [a for a in self.structure.top(other) if a[0] == inner[1 - k]]
        if any(a not in back for a in (*swapped, *rest, *summed)) or not self._told(
                view.parameter, [back[a] for a in (*rest, *summed)]):
            return Shifted({}, free | self._of_other(line, k))
        at = tuple((back[a], a) for a in rest)
        found = Term(at, view.parameter, tuple(back[a] for a in swapped))
        return Shifted({found: c * view.factor})

    def _told(self, parameter: int, seen: Sequence[Address]) -> bool:
        """Whether these addresses tell which entries of a parameter a view shows.

        They do not where a single row, or every other one, was taken: nothing says which.
        """
        def whole(prefix: Address, leaves: Sequence[Ref]) -> bool:
            for n, (leg, sign) in enumerate(leaves):
                here = (*prefix, n)
                if here in seen:
                    continue
                parts = self.structure.parts(leg)
                shown = {a[len(here)] for a in seen if a[:len(here)] == here}
                if len(shown) != 1:
                    return False
                (j,) = shown
                part, turn = parts[j]
                if not whole((*here, j), self.structure.part_leaves((part, turn * sign))):
                    return False
            return True

        return all(
            whole((axis,), self.structure.leaves(parameter, axis))
            for axis in range(len(self.structure.axes[parameter]))
        )

    # -- what forgets ----------------------------------------------------------------------------

    def _normalise(self, line: Line, inputs: list[Shifted | None]) -> Shifted:
        given = inputs[0]
        if given is None or any(s is not None for s in inputs[1:]):
            raise NoLemma("the mask of a softmax varies")
        if given.mask is not None and (
                len(line.inputs) < 2 or mask_at(self.structure, line.inputs[1]) != given.mask):
            raise NoLemma("a softmax over entries that are masked otherwise")
        return self._without((line.attrs["axis"],), given)

    def _forget(self, line: Line, inputs: list[Shifted | None]) -> Shifted:
        (given,) = inputs
        assert given is not None
        return self._without(line.attrs["axes"], given)

    def _order(self, line: Line, inputs: list[Shifted | None]) -> Shifted:
        (given,) = inputs
        if given is None or line.op != "ranking":
            raise NoLemma(f"{line.op} is not affine")
        return self._without((len(self.structure.axes[line.inputs[0]]) - 1,), given)

    @staticmethod
    def _without(axes: Iterable[int], given: Shifted) -> Shifted:
        if any(a[0] in axes for a in given.carried):
            raise NoLemma("a shift that varies along a normalised axis")
        return Shifted()

    def _flow(self, line: Line, inputs: list[Shifted | None]) -> Shifted | None:
        if inputs[0] is None or any(s is not None for s in inputs[1:]):
            raise NoLemma("the parameters of a flow are shifted")
        field_ = self.structure.field(line)
        start = start_of_field(line, field_, inputs)
        inner = _Lemmas(field_, {}, absorbs=False)
        _, ends = sweep(field_, start, inner)
        if ends:
            raise NoLemma("the velocity of a flow varies with a shift of its state")
        return inputs[0]
