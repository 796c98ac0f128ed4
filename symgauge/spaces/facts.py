"""What holds of lines for every data: constant along a leaf, sums to 1 or 0 along an axis, 0, 1."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from symgauge.program.constant import Constant
from symgauge.program.moves import Address
from symgauge.program.op import Structural
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class View:
    """A parameter seen through moves alone: where its leaves are in the line, and a factor."""

    parameter: int
    places: Mapping[Address, Address]
    factor: Fraction


@dataclass(frozen=True)
class Pick:
    """A line whose rows are a single 1 and zeros (or zeros alone), all along one axis.

    It is the line `root`, moved: `rows` says where the leaves that number that one's rows are.
    """

    root: int
    along: Address
    rows: Mapping[Address, Address]


@dataclass(frozen=True)
class Sum:
    """The sum of the entries of a parameter, each over that of another."""

    of: int
    over: int | None = None


@dataclass(frozen=True)
class Facts:
    """What laws say of the lines of one program, by line (`laws.facts`)."""

    #: The leaves along which a line is constant.
    flat: Mapping[int, frozenset[Address]]
    #: The axes along which a line sums to 1 or to 0: {axis: 1 or 0}.
    totals: Mapping[int, Mapping[int, int]]
    #: Lines that are a parameter moved, repeated and multiplied by a number.
    views: Mapping[int, View]
    #: Lines that pick an entry of an axis for each of their rows.
    picks: Mapping[int, Pick]
    #: {axis: parameter}: along that axis a line, over the parameter, sums to 0.
    over: Mapping[int, Mapping[int, int]]
    #: Axes along which a line's sum is the same wherever else one is: constant along other leaves.
    steady: Mapping[int, frozenset[int]]
    #: {axis: the sum of a line along it, or that of the line over the parameter that is named}.
    sums: Mapping[int, Mapping[int, Sum]]

    def tells(self, node: int) -> bool:
        """Whether anything is known of a line."""
        return node in self.views or node in self.picks or any(
            known.get(node) for known in (self.flat, self.totals, self.over, self.steady))

    def total(self, node: int, axis: int) -> int | None:
        """What a line sums to along an axis, if that is known."""
        return self.totals.get(node, {}).get(axis)


def constant_at(structure: Structure, node: int) -> Constant | None:
    """A line without parameters and inputs that is a plain constant, through moves too."""
    while structure.fixed[node]:
        line = structure.network.nodes[node]
        if isinstance(line.leaf, Constant):
            return None if line.leaf.unknown else line.leaf
        if not isinstance(line.op, Structural) or len(line.inputs) != 1:
            return None
        node = line.inputs[0]
    return None


def is_zero(structure: Structure, node: int) -> bool:
    """Whether a line is 0, whatever the parameters and inputs."""
    return structure.zero[node]


def is_one(structure: Structure, node: int) -> bool:
    """Whether a line is the constant 1."""
    found = constant_at(structure, node)
    return found is not None and all(v == 1 for v in found.table)


def mask_at(structure: Structure, node: int) -> Any:
    """A name for a constant of zeros and ones, or None."""
    found = constant_at(structure, node)
    if found is None or not all(v in (0, 1) for v in found.table):
        return None
    # a constant that was moved is itself alone
    leaf = structure.network.nodes[node].leaf
    return leaf.key if isinstance(leaf, Constant) else ("line", node)
