r"""Positive scalings: the value of a line varies by a weight, times what it is, on some leaves.

Each index of a leg has its own factor s (and each copy), and a leaf of weight w varies by s^w;
the address () stands for one factor on the whole value. The weights are linear forms in unknowns,
one for each place where a parameter may be scaled; each line adds equations, and the solutions
are the families. What a logarithm makes of a factor, and an exponential undoes, is added: log s
times a number, likewise a linear form.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts
from symgauge.spaces.picks import Picks
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure

#: A linear form in the unknown weights.
Form = Mapping[int, Fraction]
WHOLE: Address = ()


@dataclass(frozen=True)
class Weight:
    """A leaf's weight; `copies` are the leaves that number the factors, `picks` how (`Picks`)."""

    form: Form
    copies: tuple[Address, ...] = ()
    picks: Picks = ()

    @property
    def numbering(self) -> tuple[tuple[Address, ...], Picks]:
        """What numbers the factors."""
        return self.copies, self.picks


Weights = dict[Address, Weight]


@dataclass(frozen=True)
class Scaled:
    """How a line varies: by factors, or by their logarithms, which are added."""

    weights: Weights
    logs: Weights = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.weights or self.logs)

    @property
    def moving(self) -> Scaled:
        """Without weights that are 0, whatever the unknowns are: nothing varies by them."""
        return Scaled(*({a: w for a, w in own.items() if w.form} for own in (
            self.weights, self.logs)))


def sum_of(*forms: Form) -> Form:
    """The sum of linear forms."""
    out: dict[int, Fraction] = {}
    for form in forms:
        for k, c in form.items():
            out[k] = out.get(k, Fraction(0)) + c
    return {k: c for k, c in out.items() if c}


def times(form: Form, factor: Fraction) -> Form:
    """A multiple of a linear form."""
    return {k: c * factor for k, c in form.items()}


def multiples(weights: Weights, factor: Fraction) -> Weights:
    """All weights times a number."""
    return {a: replace(w, form=times(w.form, factor)) for a, w in weights.items()}


class Weighing:
    """One sweep: what the laws ask of it, and the equations that they add."""

    def __init__(
        self, structure: Structure, facts: Facts, equations: list[Form] | None = None
    ) -> None:
        self.structure, self.facts = structure, facts
        self.equations: list[Form] = [] if equations is None else equations

    def vanish(self, weights: Iterable[Weight]) -> None:
        """These weights must be 0."""
        self.equations += [w.form for w in weights if w.form]

    def agree(self, a: Weight, b: Weight | None) -> None:
        """Two weights of one leaf must be equal; one that is missing is 0."""
        if b is None:
            self.vanish([a])
            return
        difference = sum_of(a.form, times(b.form, Fraction(-1)))
        if difference:
            self.equations.append(difference)
        if a.numbering != b.numbering:
            self.vanish([a, b])

    def add(self, a: Weights, b: Weights) -> Weights:
        """The sum of what is added to two values; at one leaf it is numbered alike."""
        out = {**a, **b}
        for address in a.keys() & b.keys():
            one, other = a[address], b[address]
            out[address] = Weight(sum_of(one.form, other.form), one.copies, one.picks)
            if one.numbering != other.numbering:
                self.vanish([one, other])
        return out

    def alike(self, a: Weights, b: Weights) -> Weights:
        """All weights of two values must be equal."""
        for mine, other in ((a, b), (b, a)):
            for address, weight in mine.items():
                self.agree(weight, other.get(address))
        return {**a, **b}

    def moved(self, line: Line, k: int, weights: Weights) -> Weights:
        """The weights where the entries of input k went; those of what is cut vanish."""
        out: Weights = {}
        for address, weight in weights.items():
            if address == WHOLE:
                out[address] = weight
                continue
            try:
                there = self.structure.move(line, k, address)
                if there is None and self.structure.is_another_part(line, address):
                    continue
                copies = [self.structure.move(line, k, c) for c in weight.copies]
            except NoLemma:
                there, copies = None, []
            if there is None or None in copies:
                self.vanish([weight])
                continue
            kept = tuple(c for c in copies if c is not None)
            out[there] = Weight(weight.form, kept, weight.picks)
        return out

    def aligned(self, line: Line, inputs: Sequence[Weights]) -> list[Weights]:
        """The weights at addresses that mean the same in all inputs; the others vanish."""
        out: list[Weights] = []
        for weights in inputs:
            kept: Weights = {}
            for address, weight in weights.items():
                if self.structure.are_aligned(line, (address, *weight.copies)):
                    kept[address] = weight
                else:
                    self.vanish([weight])
            out.append(kept)
        return out

    def off_axes(self, weights: Weights, axes: Iterable[int]) -> Weights:
        """The weights off some axes, their copies too; those on them vanish."""
        axes = set(axes)
        on = {
            x for x, w in weights.items()
            if any(a[0] in axes for a in (x, *w.copies) if a != WHOLE)
        }
        self.vanish(weights[x] for x in on)
        return {x: w for x, w in weights.items() if x not in on}
