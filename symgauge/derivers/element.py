"""What a structural family is: its element's legs, its moves, its proof."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from symgauge.families.family import Family, Through
from symgauge.families.parts import Parts
from symgauge.laws.sweep import Step
from symgauge.program.moves import Address
from symgauge.program.absorbed import Change
from symgauge.program.network import Network
from symgauge.spaces.structure import Structure

#: Tells entries that are over a gain: W += c / gamma.
OVER = "over"
#: Tells entries to which logarithms of an element are added.
LOG = "log"
#: (parameter, where each index of the element sits, what else tells it apart, weight).
Entry = tuple[int, tuple[Address, ...], tuple[object, ...], Fraction]


@dataclass(frozen=True)
class Element:
    """The legs that number a family's element, and how it scales or shifts each tensor.

    `legs` are the roots, one for each index. `entries` are (parameter, where each index sits,
    what else tells them apart, weight): two families with the same entries are the same.
    """

    legs: tuple[int, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Structural:
    """A family proved for every size, without fields: they are made where a size is small."""

    family: Family
    element: Element
    #: Dimension of a matrix family without its multiples of 1, for one copy; else 0.
    traceless: int
    steps: tuple[Step[Any], ...]
    #: The leg that a matrix turns, and the legs that number its copies.
    leg: int = -1
    copies: tuple[int, ...] = ()
    #: Where a shift starts, to be proved again with fewer slices.
    origin: tuple[int, tuple[Address, ...]] | None = None
    #: Slices of its own, of a norm as one reader sees it, and the program with the copies.
    own: tuple[Through, ...] = ()
    on: Structure | None = None


@dataclass
class Found:
    """Families on the network that use up a parameter each, and those on the slices.

    They name parameters as the program does in which they were found.
    """

    network: Network
    #: The program in which they were found, parameters perhaps cut, and that on the slices.
    structure: Structure
    sliced: Structure
    slices: list[tuple[Structural, Through]] = field(default_factory=list)
    families: list[Structural] = field(default_factory=list)
    #: The parts of parameters that are named for themselves (`families.parts`).
    parts: Parts = field(default_factory=dict)
    #: The coordinates in which they were found, where fixed vectors are part of parameters.
    changes: tuple[Change, ...] = ()
