"""class Law: what is stated of the ops that share a lemma; a file of this folder states one."""

from __future__ import annotations

from abc import ABC
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from symgauge.exact.polynomial import Polynomial, ratio, scale
from symgauge.laws.shifting import Shifted, Shifting
from symgauge.laws.turning import Mark, Turned, Turning, marks_of
from symgauge.laws.weighing import Scaled, Weighing, Weights
from symgauge.program.array import Array
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts, Pick, Sum, View
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure

#: Of each line: the leaves along which it is constant.
Flat = Mapping[int, frozenset[Address]]


@dataclass(frozen=True)
class Call:
    """An op on parameters of these shapes, for the tests of its law."""

    op: str
    shapes: tuple[tuple[int, ...], ...]
    attrs: Mapping[str, Any] = field(default_factory=dict)


class Law(ABC):
    """One law. What it does not state is refused: no lemma, nothing known."""

    #: As ops call it.
    name: ClassVar[str]
    #: For the table of the docs: how the value varies with a matrix, a scaling, a shift.
    words: ClassVar[tuple[str, str, str]]
    #: Why the value does not vary where an input does, for a reader of a proof.
    forgets: ClassVar[str] = "the weights cancel"
    #: False relatives of its lemmas, by their names in tests/laws/test_intertwiners.py.
    false: ClassVar[tuple[str, ...]] = ()
    #: Whether it only moves entries: a proof for readers leaves such lines out.
    silent: ClassVar[bool] = False
    #: Whether its scaling lemma holds for factors of any sign.
    multilinear: ClassVar[bool] = False
    #: Whether its shift lemma holds of a value of which nothing is said where a mask is 0.
    takes_masked: ClassVar[bool] = False

    #: Whether it makes factors of added logarithms, or logarithms of factors.
    takes_logarithms: ClassVar[bool] = False

    # -- lemmas: the variation of the value from the inputs' (None: that input does not vary) ----

    def turned(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        """How a matrix on a leg moves the value. Raises NoLemma."""
        raise NoLemma(f"{line.label} is not linear")

    def reordered(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        """How a permutation of a leg moves the value: as a rotation that fixes the ones, or more.

        Raises NoLemma.
        """
        return self.turned(turning, line, inputs)

    def squared(self, turning: Turning, line: Line, squares: Turned) -> Turned:
        """The same for squares of entries of a value that turns. Raises NoLemma."""
        raise NoLemma("squares of single entries are used")

    def weighs_squares(self, turning: Turning, line: Line, k: int, squares: Turned) -> Turned:
        """The same where input k is such squares, and the other does not vary. Raises NoLemma."""
        raise NoLemma("squares of single entries are used")

    def weighed(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        """The weights of the value under scalings; adds what they must satisfy."""
        for weights in inputs:
            weighing.vanish(weights.values())
        return {}

    def logs(self, weighing: Weighing, line: Line, inputs: list[Weights]) -> Weights:
        """The same of logarithms of the factors, which are added to the inputs."""
        for weights in inputs:
            weighing.vanish(weights.values())
        return {}

    def scaled(self, weighing: Weighing, line: Line, inputs: list[Scaled]) -> Scaled:
        """Both: factors give factors, and what is added what is added."""
        return Scaled(
            self.weighed(weighing, line, [x.weights for x in inputs]),
            self.logs(weighing, line, [x.logs for x in inputs]))

    def shifted(self, shifting: Shifting, line: Line, inputs: list[Shifted | None]) -> Shifted:
        """How shifts of the inputs move the value. Raises NoLemma."""
        raise NoLemma(f"{line.label} is not affine")

    # -- what holds of the value for every data -------------------------------------------------

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        """The leaves along which the value is constant, from the inputs'."""
        return frozenset()

    def flat_of_constants(self, structure: Structure, node: int) -> frozenset[Address]:
        """The same where the line is made of constants alone, whatever they are."""
        return frozenset()

    def totals(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        """The axes along which the value sums to 1 or 0, from what is known of earlier lines."""
        assert line.op is not None
        axis = line.op.unit_axis(len(line.shape), **line.attrs)
        return {} if axis is None else {axis: 1}

    def over(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, int]:
        """The axes along which the value over a parameter sums to 0: {axis: parameter}."""
        return {}

    def steady(self, structure: Structure, line: Line, facts: Facts) -> frozenset[int]:
        """The axes along which the value's sum is constant along all leaves of other axes."""
        return frozenset(facts.totals[line.node])

    def sums(self, structure: Structure, line: Line, facts: Facts) -> Mapping[int, Sum]:
        """The axes along which the value, or it over a parameter, sums to what parameters decide.
        """
        return {}

    def view(self, structure: Structure, line: Line, views: Mapping[int, View]) -> View | None:
        """The parameter that the value shows, where it is nothing else."""
        return None

    def pick(self, structure: Structure, line: Line, picks: Mapping[int, Pick]) -> Pick | None:
        """Which entry of an axis the value picks for each of its rows, if it does."""
        if line.op is None or not line.op.picks:
            return None
        axis, top = line.op.unit_axis(len(line.shape), **line.attrs), structure.top(line.node)
        if axis is None or [a for a in top if a[0] == axis] != [(axis, 0)]:
            return None
        return Pick(line.node, (axis, 0), {a: a for a in top if a[0] != axis})

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        """The axis of the value whose entries read those of one axis of an input alone, or None."""
        return None

    def decides_alike(self, x: Array, dx: Array) -> bool:
        """Whether a branch decides the same all along a flow dx/dt on its argument x, polynomials.

        Its derivative is 0 anyway, but what jumps there would move.
        """
        return not any(dx.reshape(-1))

    def samples(self) -> Iterator[Call]:
        """Ops of this law on parameters: tests compare its lemmas with their derivatives."""
        return iter(())


class Entrywise(Law):
    """Entry by entry, all inputs alike: f(P x, P y) = P f(x, y) for permutations P."""

    def reordered(self, turning: Turning, line: Line, inputs: list[Turned | None]) -> Turned:
        out: dict[Address, Mark] = {}
        for turned in inputs:
            marks = marks_of(turned)
            turning.require_aligned(line, marks)
            for address, mark in marks.items():
                for other, node in zip(inputs, line.inputs, strict=True):
                    there = marks_of(other).get(address)
                    if not turning.same(there, mark) and (
                            there or not turning.is_flat(node, address)):
                        raise NoLemma("the inputs are in different orders")
                out[address] = mark
        return Turned(out)

    def flat(self, structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
        return flat_in_all(structure, line, flat)

    def carried(self, structure: Structure, line: Line, source: int, axis: int) -> int | None:
        return axis if aligned_from(structure, line, source, axis) else None


def flat_in_all(structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
    """The leaves along which all inputs are constant."""
    return frozenset.intersection(*(
        frozenset(a for a in flat[j] if structure.aligned(line, k, a[0]))
        for k, j in enumerate(line.inputs)))


def flat_moved(structure: Structure, line: Line, flat: Flat) -> frozenset[Address]:
    """The leaves along which the one input is constant, where they went."""
    try:
        moved = [structure.move(line, 0, a) for a in flat[line.inputs[0]]]
    except NoLemma:
        return frozenset()
    return frozenset(a for a in moved if a is not None)


def aligned_from(structure: Structure, line: Line, source: int, axis: int) -> bool:
    """Whether an axis has the same factors in the value as in a line, wherever that enters."""
    return all(
        structure.aligned(line, k, axis) for k, i in enumerate(line.inputs) if i == source)


def one_factor(x: Sequence[Polynomial], dx: Sequence[Polynomial]) -> bool:
    """Whether dx is one number times x."""
    k = next((i for i, p in enumerate(x) if p), None)
    if k is None:
        return not any(dx)
    m = min(x[k])
    c = ratio(dx[k].get(m, 0), x[k][m])
    return all(b == scale(a, c) for a, b in zip(x, dx, strict=True))


def along_axes(turning: Turning, line: Line, turned: Turned, axes: Sequence[int]) -> Turned:
    """A permutation of a value of which rows are reduced, or normed, whatever order they are in.

    Along the axes, or off them if one order is that of all that is reduced together.
    """
    for address, mark in turned.marks.items():
        if address[0] not in axes and any(c[0] in axes for c in mark.copies):
            raise NoLemma("rows of different orders are mixed")
        if address[0] in axes and len(address) > 2:
            raise NoLemma("a part of a row is reordered")
    return turned


def last_axis(structure: Structure, line: Line) -> int:
    """The last axis of the first input."""
    return len(structure.axes[line.inputs[0]]) - 1


def the_only(inputs: Sequence[Turned | None]) -> Turned:
    """The variation of the only input."""
    (turned,) = inputs
    assert turned is not None
    return turned
