r"""A matrix on a leg: the value varies by A on some leaves, by -A^T on others.

The kinds of A: gl (any), so (A^T = -A), so1 (so, and A 1 = 0), complex (a + b J on pairs of
entries, J the quarter turn; matrices of these on pairs that turn alike), centred (A = u 1^T, which
is 0 on what sums to 0). A may differ from copy to copy (a matrix for each head): the leaves that
number the copies go along, and what belongs together must stay side by side.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from symgauge.families.kind import MatrixKind
from symgauge.program.moves import Address
from symgauge.spaces.facts import Facts
from symgauge.spaces.picks import Picks
from symgauge.spaces.line import Line, NoLemma
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class Mark:
    """A acts on a leaf (parity 1), or -A^T (parity -1).

    `copies` are the leaves that number A, `picks` how (`Picks`).
    """

    parity: int
    copies: tuple[Address, ...] = ()
    picks: Picks = ()

    @property
    def numbering(self) -> tuple[tuple[Address, ...], Picks]:
        """What numbers the matrices."""
        return self.copies, self.picks


Marks = Mapping[Address, Mark]


@dataclass(frozen=True)
class Turned:
    """The leaves on which the matrix acts; `squared` where only the sum of squares is left."""

    marks: Marks
    squared: bool = False

    def __bool__(self) -> bool:
        return bool(self.marks) or self.squared


#: Does not vary.
STILL = Turned({})


class Permutations:
    """Permutation matrices: orthogonal, and they fix the ones, as lemmas of rotations ask.

    They pass through functions of single entries too; that is said in `Law.reordered`.
    """

    orthogonal = fixes_ones = True
    fixes_sums_of_0 = of_form = False

    def turns_with(self, pairs: str, alike: Sequence[int]) -> bool:
        """No pairs turn with them."""
        return False


class Turning:
    """One sweep with one kind of matrix: what the laws ask of it."""

    def __init__(
        self, structure: Structure, facts: Facts, kind: MatrixKind | Permutations,
        start: Mapping[int, Marks] | None = None, form: int | None = None,
    ) -> None:
        """With a `start` parameters may join it. `form`: the T of S diag(T)."""
        self.structure, self.facts, self.kind = structure, facts, kind
        #: A^T = -A; A 1 = 0; A commutes with J; A z = 0 where 1^T z = 0.
        self.orthogonal = kind.orthogonal
        self.fixes_ones = kind.fixes_ones
        self.turns_with = kind.turns_with
        self.fixes_sums_of_0 = kind.fixes_sums_of_0
        self.permutes = isinstance(kind, Permutations)
        self.start, self.form = start, form
        #: A parameter that would join: the sweep is done again with it.
        self.joined: tuple[int, Address, Mark] | None = None

    def moved(self, line: Line, k: int, marks: Marks) -> dict[Address, Mark]:
        """Marks where the entries of input k went."""
        out: dict[Address, Mark] = {}
        for address, mark in marks.items():
            there = self.structure.move(line, k, address)
            if there is None:
                if self.structure.is_another_part(line, address):
                    continue
                raise NoLemma("an entry is taken out of a leg that turns")
            copies = []
            for c in mark.copies:
                moved = self.structure.move(line, k, c)
                if moved is None:
                    raise NoLemma("copies are mixed")
                copies.append(moved)
            out[there] = Mark(mark.parity, tuple(copies), mark.picks)
        return out

    def require_aligned(self, line: Line, *marks: Marks) -> None:
        """Raise NoLemma where addresses of marks do not mean the same in all inputs."""
        self.structure.require_aligned(
            line, [a for own in marks for at, m in own.items() for a in (at, *m.copies)])

    def same(self, a: Mark | None, b: Mark) -> bool:
        """Whether two marks are the same variation: under a rotation parity does not matter."""
        return a is not None and a.numbering == b.numbering and (
            self.orthogonal or a.parity == b.parity)

    def fixed_by(self, address: Address, node: int, parity: int) -> bool:
        """Whether A, acting with this parity, is 0 on a value: A 1 = 0, or u 1^T z = 0."""
        if self.fixes_ones:
            return address in self.facts.flat[node]
        whole = [a for a in self.structure.top(node) if a[0] == address[0]] == [address]
        return self.fixes_sums_of_0 and parity == 1 and whole and (
            self.facts.total(node, address[0]) == 0)

    def is_flat(self, node: int, address: Address) -> bool:
        """Whether a line is constant along a leaf; a constant, along all of its axis."""
        flat, structure = self.facts.flat[node], self.structure
        return address in flat or structure.zero[node] or structure.fixed[node] and all(
            a in flat for a in structure.top(node) if a[0] == address[0])

    def joins(self, node: int, address: Address, mark: Mark) -> bool:
        """Whether a line shows a parameter that can turn so there, or adds one; it joins."""
        view, line = self.facts.views.get(node), self.structure.lines.get(node)
        if self.start is None or line is None:
            return False
        if view is None:
            return line.adds and any(self.joins(j, address, mark) for j in line.inputs)
        back = {there: mine for mine, there in view.places.items()}
        if mark.picks or any(a not in back for a in (address, *mark.copies)):
            return False
        at = back[address]
        if at in self.start.get(view.parameter, ()):
            return False
        self.joined = (
            view.parameter, at, Mark(mark.parity, tuple(back[c] for c in mark.copies)))
        return True


def marks_of(turned: Turned | None) -> Marks:
    """The marks of an input that may not vary."""
    return {} if turned is None else turned.marks


def off_axes(marks: Marks, axes: Iterable[int]) -> dict[Address, Mark]:
    """The marks on other axes than these."""
    return {a: m for a, m in marks.items() if a[0] not in set(axes)}
