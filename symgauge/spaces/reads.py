"""Parameters as lines see them: which summands an output reads, and what only moves them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from symgauge.program.kept import kept
from symgauge.spaces.line import Address, Line, NoLemma
from symgauge.spaces.structure import Structure


@dataclass(frozen=True)
class View:
    """A parameter seen through moves alone: where its leaves are in the line, and a factor."""

    parameter: int
    places: Mapping[Address, Address]
    factor: Fraction


def is_used(structure: Structure, node: int) -> bool:
    """Whether a parameter is read: a flow may be given one that its field does not look at."""
    for u in structure.users[node]:
        line = structure.lines[u]
        if line.law != "flow" or line.inputs[0] == node:
            return True
        field = structure.field(line)
        given = zip(line.inputs[1:], field.network.parameter_nodes, strict=True)
        if any(j == node and i in field.lines for j, i in given):
            return True
    return node in structure.network.outputs


@kept
def unread_summands(structure: Structure) -> frozenset[Address]:
    """Summands of parameters' axes that no output reads: (line, axis, 0, part)."""
    found = set()
    for i, line in structure.lines.items():
        for axis in range(len(structure.axes[i])) if line.law == "parameter" else ():
            here = structure.leaves(i, axis)
            for j in range(len(structure.parts(here[0][0])) if here else 0):
                if not _read(structure, i, axis, j):
                    found.add((i, axis, 0, j))
    return frozenset(found)


def _read(structure: Structure, node: int, axis: int, j: int) -> bool:
    """Whether a summand of the first factor of an axis reaches an output, or may."""
    stack, seen = [(node, axis)], set()
    while stack:
        here, axis = stack.pop()
        if here in structure.network.outputs:
            return True
        for u in structure.users[here]:
            line = structure.lines[u]
            if line.op == "slice" and line.attrs["axis"] == axis:
                try:
                    if structure.sliced(line, here, (axis, 0, j)) is not None:
                        return True
                except NoLemma:
                    return True
                continue
            there = _carried(structure, line, here, axis)
            if there is None:
                return True
            if (u, there) not in seen:
                seen.add((u, there))
                stack.append((u, there))
    return False


def _carried(structure: Structure, line: Line, source: int, axis: int) -> int | None:
    """The axis of a value whose entries read those of one axis of an input alone, or None."""
    if line.op == "permute":
        return list(line.attrs["dims"]).index(axis)
    if line.op == "reshape":
        try:
            found = structure.reshaped(source, line.node, (axis, 0))
        except NoLemma:
            return None
        return found[0] if found[1] == 0 else None
    entrywise = line.op in ("scale", "slice", "step", "expand") or line.law in (
        "sum of lines", "product", "homogeneous", "maximum", "general")
    rows = line.law == "contraction" and all(
        axis == len(line.shape) - 2 + k for k, i in enumerate(line.inputs) if i == source)
    if rows:
        return axis
    aligned = entrywise and all(
        structure.aligned(line, k, axis) for k, i in enumerate(line.inputs) if i == source)
    return axis if aligned else None


@kept
def views_of(structure: Structure) -> Mapping[int, View]:
    """Lines that are a parameter moved, repeated and multiplied by a number."""
    found: dict[int, View] = {}
    for i, line in structure.lines.items():
        if line.law == "parameter":
            found[i] = View(i, {a: a for a, _ in structure.addresses(i)}, Fraction(1))
        elif line.law == "move" and len(line.inputs) == 1 and line.inputs[0] in found:
            before = found[line.inputs[0]]
            factor = before.factor * line.attrs.get("factor", 1)
            places: dict[Address, Address] = {}
            try:
                for mine, there in before.places.items():
                    moved = structure.move(line, 0, there)
                    if moved is not None:
                        places[mine] = moved
            except NoLemma:
                continue
            found[i] = View(before.parameter, places, factor)
    return found
