r"""Shifts: a parameter moves by c, and others by what compensates it.

A line varies by terms, each a number times c, or times T c (a parameter T contracted with c), or
times c / T: the term's indices sit on some leaves of the line, and it is constant along all others.
Or it is *free*: known to be constant along some leaves, and anything along the others, data
included.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any

from symgauge.program.moves import Address
from symgauge.program.op import Structural
from symgauge.spaces.facts import Facts, Sum, View, is_one
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


#: Where the only index of T is, in c / T.
OVER = "over"


@dataclass(frozen=True)
class Term:
    """A number times c, T c or c / T. `at` says where each of its own indices sits in the line.

    The indices of c are numbered by its elements' order; those of T by T's own leaves.
    """

    at: tuple[tuple[Any, Address], ...]
    source: int | None = None
    #: The leaves of T that c is contracted with, in the order of c's indices.
    contracted: tuple[Address, ...] = ()
    #: The T of c / T.
    over: int | None = None
    #: (line, axis): the sums that it is multiplied by, numbers that nobody names. Kept to be
    #: forgotten: no parameter compensates it.
    by: tuple[tuple[int, int], ...] = ()
    #: A sum of entries of parameters that it is multiplied by.
    times: Sum | None = None

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

    def times(self, factor: Fraction) -> Shifted:
        """Its multiple; what is free stays so."""
        return Shifted({t: c * factor for t, c in self.terms.items()}, self.varying, self.mask)


def free(varying: Iterable[Address]) -> Shifted:
    """Anything, but constant along all other leaves."""
    return Shifted({}, frozenset(varying))


def added(a: Shifted, b: Shifted) -> Shifted:
    """The sum of two variations."""
    terms = dict(a.terms)
    for term, c in b.terms.items():
        terms[term] = terms.get(term, Fraction(0)) + c
    varying = [s.varying for s in (a, b) if s.varying is not None]
    if a.mask is not None and b.mask is not None and a.mask != b.mask:
        raise NoLemma("two masks")
    mask = a.mask if a.mask is not None else b.mask
    return Shifted(
        {t: c for t, c in terms.items() if c},
        frozenset().union(*varying) if varying else None, mask,
    )


def forgotten(given: Shifted, axes: Iterable[int]) -> Shifted:
    """Nothing is left of what is constant along the axes. Raises NoLemma for anything else."""
    axes = set(axes)
    if any(a[0] in axes for a in given.carried):
        raise NoLemma("a shift that varies along a normalised axis")
    return Shifted()


def only(inputs: list[Shifted | None]) -> tuple[int, Shifted]:
    """The one factor that is shifted."""
    if all(s is not None for s in inputs):
        raise NoLemma("a product of two shifts")
    k = 0 if inputs[0] is not None else 1
    given = inputs[k]
    assert given is not None
    return k, given


class Shifting:
    """One sweep: what the laws ask of it."""

    def __init__(
        self, structure: Structure, facts: Facts,
        moves: Mapping[int, Mapping[Term, Fraction]], absorbs: bool = True, deep: bool = False,
    ) -> None:
        """`moves`: the parameters that are shifted. `deep`: those inside a sum may absorb too."""
        self.structure, self.facts, self.moves = structure, facts, moves
        self.absorbs, self.deep = absorbs, deep
        #: A parameter that would compensate: the sweep is done again with it.
        self.absorbed: tuple[int, dict[Term, Fraction]] | None = None

    def moved(self, line: Line, k: int, given: Shifted) -> Shifted:
        """Terms where the entries of input k went; of what is free the law says where."""
        terms: dict[Term, Fraction] = {}
        for term, c in given.terms.items():
            at = [(key, a, self.structure.move(line, k, a)) for key, a in term.at]
            gone = [a for _, a, there in at if there is None]
            if any(self.structure.is_another_part(line, a) for a in gone):
                continue
            if gone:
                raise NoLemma("an entry is taken out of a shift")
            kept = tuple((key, there) for key, _, there in at if there is not None)
            moved = replace(term, at=kept)
            terms[moved] = terms.get(moved, Fraction(0)) + c
        varying = given.varying
        if varying is not None:
            places = (self.structure.move(line, k, a) for a in varying)
            varying = frozenset(a for a in places if a is not None)
        return Shifted(terms, varying, given.mask)

    def absorber(self, node: int, given: Shifted) -> tuple[int, dict[Term, Fraction]] | None:
        """The parameter behind a summand, and what it must move by to cancel all terms."""
        view, line = self.facts.views.get(node), self.structure.lines.get(node)
        if self.deep and view is None and line is not None:
            found = (self.absorber(j, before) for j, before in self._before(line, given))
            return next((x for x in found if x is not None), None)
        if view is None or view.parameter in self.moves or not view.factor or any(
                term.by for term in given.terms):
            return None
        back = {there: mine for mine, there in view.places.items()}
        wanted: dict[Term, Fraction] = {}
        for term, c in given.terms.items():
            if any(a not in back for a in term.carried):
                return None
            at = tuple((key, back[a]) for key, a in term.at)
            wanted[replace(term, at=at)] = -c / view.factor
        # where the summand is repeated the term must be constant: it has no leaf there
        return view.parameter, wanted

    def _before(self, line: Line, given: Shifted) -> Iterator[tuple[int, Shifted]]:
        """Inputs of a line with what they would vary by, each alone, for these terms behind it.

        Of a sum, a product with 1, a multiple, and what moves the entries of one input.
        """
        if line.adds or line.law == "product":
            for j, other in (line.inputs, line.inputs[::-1]):
                if line.adds or is_one(self.structure, other):
                    yield j, given
            return
        if line.law == "multiple" and line.attrs["factor"]:
            yield line.inputs[0], given.times(1 / Fraction(line.attrs["factor"]))
            return
        if not isinstance(line.op, Structural) or len(line.inputs) != 1:
            return
        try:
            back = {self.structure.move(line, 0, a): a
                    for a in self.structure.top(line.inputs[0])}
        except NoLemma:
            return
        if all(a in back for a in given.carried):
            yield line.inputs[0], Shifted({
                replace(term, at=tuple((key, back[a]) for key, a in term.at)): c
                for term, c in given.terms.items()})

    def plain_view(self, node: int) -> View | None:
        """The parameter that a line shows, if none of the shifts moves it."""
        view = self.facts.views.get(node)
        return None if view is None or view.parameter in self.moves else view
