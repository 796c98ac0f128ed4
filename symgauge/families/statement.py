"""What is stated of a family: how each tensor moves, in formulas and as data, and its proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias, cast

from symgauge.families.family import Family, Move, Through
from symgauge.families.kind import Kind
from symgauge.families.kinds import kind_named
from symgauge.families.serial import family_of, move_of
from symgauge.lie.fields import VectorField
from symgauge.plain import PlainFamily
from symgauge.records import Record
from symgauge.verdict import Verdict

Action: TypeAlias = tuple[Annotated[Move, move_of], ...]


@dataclass(frozen=True, kw_only=True)
class Element(Record):
    """What acts: a matrix, positive scale or shift of this size, one for each copy (head)."""

    kind: Annotated[Kind, kind_named]
    copies: tuple[int, ...]
    size: int


@dataclass(frozen=True, kw_only=True)
class StatedSlice(Record):
    """A slice through which a family acts: `parameter` is brought to 1 (diagonal) or to 0."""

    parameter: str
    element: Element
    action: Action


@dataclass(frozen=True, kw_only=True)
class Acting(Record):
    """An element, and how it moves each tensor, through slices (outermost first) or none."""

    element: Element  #: What acts, and on how many copies.
    action: Action  #: How each tensor moves.
    via: tuple[StatedSlice, ...]  #: The slices through which it acts.

    def entry(self) -> PlainFamily:
        """The plain data of the family, at this size and what else is stated of it."""
        found: Any = self.plain()
        return cast(PlainFamily, found)

    def family(self, fields: tuple[VectorField, ...] = ()) -> Family:
        """The family. Raises KeyError, TypeError or ValueError where the element is none."""
        return family_of(self.plain(), fields)


@dataclass(frozen=True, kw_only=True)
class ProofLine(Record):
    """How one line of the program varies, in LaTeX."""

    node: str
    op: str
    variation: str


@dataclass(frozen=True, kw_only=True)
class StatedProof(Record):
    """A proof as it is printed; the certificate has what verify makes anew."""

    verdict: Verdict
    method: str
    lines: tuple[ProofLine, ...]


@dataclass(frozen=True, kw_only=True)
class Statement(Acting):
    """A family for a reader. Its plain data is an entry of `generators` in a record."""

    #: What happens to which modules, in a line.
    label: str
    #: The group that is shown to act.
    group: str
    #: The name of its Lie algebra.
    algebra: str
    #: The dimension of the group.
    dimension: int
    #: The names of the tensors that move.
    tensors: tuple[str, ...]
    #: The finite action, a line for each tensor.
    formula: tuple[str, ...]
    #: The proof as it is printed, line by line.
    proof: StatedProof
    #: "proved", or "conjectured" where the full sizes have the same form.
    all_sizes: Literal["proved", "conjectured", "no"]


@dataclass(frozen=True, kw_only=True)
class FamilyStatement(Statement):
    """A family of derivation.json, at the sizes of its program."""

    #: Its vectors, by their numbers in the certificate.
    generators: tuple[int, ...]
    #: The same family at the full sizes, where it has a form there.
    full: Acting | None


@dataclass(frozen=True, kw_only=True)
class FullStatement(Statement):
    """A family of full.json, proved for every size."""

    #: What families of layers alike have in common.
    class_: str


@dataclass(frozen=True, kw_only=True)
class FullOrder(Record):
    """Permutations of the indices of a leg, proved for every size of full.json's program."""

    #: What is permuted.
    label: str
    #: The group, such as S_12 or S_4^8.
    group: str
    #: The number of its elements, such as 4!^8.
    order: str
    #: The axes that are reordered, with the copies that have orders of their own.
    action: Action
    #: The buffers among what is reordered, as running statistics.
    buffers: tuple[str, ...]
    #: What permutations of layers alike have in common.
    class_: str


def element_of(part: Family | Through) -> Element:
    """The element of a family, or of the family of a slice."""
    return Element(kind=part.kind, copies=part.copies, size=part.size)


def slices_of(family: Family) -> tuple[StatedSlice, ...]:
    """The slices of a family."""
    return tuple(
        StatedSlice(parameter=t.parameter, element=element_of(t), action=t.moves)
        for t in family.via)
