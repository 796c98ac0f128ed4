"""Which parameters, and which summands of their axes, an output reads."""

from __future__ import annotations

from symgauge.laws import all_laws
from symgauge.program.kept import kept
from symgauge.program.moves import Address
from symgauge.spaces.line import NoLemma
from symgauge.spaces.structure import Structure


def is_used(structure: Structure, node: int) -> bool:
    """Whether a parameter is read: a flow may be given one that its field does not look at."""
    for u in structure.users[node]:
        line = structure.lines[u]
        if structure.network.nodes[u].body is None or line.inputs[0] == node:
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
    for i in structure.names.keys() & structure.lines.keys():
        for axis in range(len(structure.axes[i])):
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
            if line.law == "part" and line.attrs["axis"] == axis:
                try:
                    if structure.sliced(line, here, (axis, 0, j)) is not None:
                        return True
                except NoLemma:
                    return True
                continue
            there = all_laws()[line.law].carried(structure, line, here, axis)
            if there is None:
                return True
            if (u, there) not in seen:
                seen.add((u, there))
                stack.append((u, there))
    return False
