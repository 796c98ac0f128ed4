"""Entries of which some are turned by a rotary table and the others are not, joined again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symgauge.program.moves import Address
from symgauge.spaces.line import Line
from symgauge.sums.views import Views


@dataclass(frozen=True)
class Joined:
    """The line that was parted, where its leaves are, the rotary line, the entries left alone.

    `rest` are leaves of the line that takes them out; `last` says whether they follow the others.
    """

    node: int
    at: Mapping[Address, Address]
    turned: int
    rest: tuple[int, tuple[Address, ...]]
    last: bool


@dataclass(frozen=True)
class _Part:
    """One summand: the line that takes it out, where its leaves are, what turns it."""

    line: Line
    at: Mapping[Address, Address | None]
    turned: int | None


def joined(views: Views, line: Line) -> Joined | None:
    """The reading of a join of two parts of one line, one of them turned; None where it is none."""
    axis = line.attrs["axis"]
    parts = [_part(views, j) for j in line.inputs]
    if len(parts) != 2 or parts[0] is None or parts[1] is None:
        return None
    first, second = parts
    if (first.turned is None) == (second.turned is None) or not _whole(views, first, second):
        return None
    at: dict[Address, Address] = {}
    for k, part in enumerate((first, second)):
        found = _leaves(views, line, k, part, axis)
        if found is None or any(at.get(a, b) != b for a, b in found.items()):
            return None
        at |= found
    still = first if first.turned is None else second
    turned = first.turned if second.turned is None else second.turned
    assert turned is not None
    cut = still.line.attrs["axis"]
    rest = tuple(a for a in views.structure.top(still.line.node) if a[0] == cut)
    return Joined(first.line.inputs[0], at, turned, (still.line.node, rest), still is second)


def _part(views: Views, node: int) -> _Part | None:
    """A summand below moves and a rotary table, if it is taken out of a line."""
    view = views.of(node)
    at, turned = dict(view.at), None
    line = views.structure.lines.get(view.node)
    if line is not None and line.law == "rotary":
        turned = line.node
        back = {v: k for k, v in line.attrs["to"].items()}
        below = views.of(line.inputs[0])
        at = {a: below.at.get((back[b[0]], *b[1:])) if b is not None and b[0] in back else None
              for a, b in at.items()}
        line = views.structure.lines.get(below.node)
    if line is None or line.law != "part" or line.attrs["step"] != 1:
        return None
    return _Part(line, at, turned)


def _whole(views: Views, first: _Part, second: _Part) -> bool:
    """Whether two parts are all of one axis of one line, in this order."""
    a, b = first.line, second.line
    if a.inputs != b.inputs or a.attrs["axis"] != b.attrs["axis"]:
        return False
    size = views.structure.network.nodes[a.inputs[0]].shape[a.attrs["axis"]]
    return (a.attrs["start"], a.attrs["stop"], b.attrs["stop"]) == (0, b.attrs["start"], size)


def _leaves(
    views: Views, line: Line, k: int, part: _Part, axis: int
) -> dict[Address, Address] | None:
    """Where the leaves of a join are in the line that was parted, followed by its k-th input."""
    structure = views.structure
    cut, down = part.line.attrs["axis"], views.cut(part.line)
    whole = [a for a in structure.top(part.line.inputs[0]) if a[0] == cut]
    if down is None or len(whole) != 1:
        return None
    out: dict[Address, Address] = {}
    for a in structure.top(line.inputs[k]):
        inner = part.at.get(a)
        if inner is None:
            return None
        if (a[0] == axis) != (inner[0] == cut):
            return None
        to = structure.move(line, k, a)
        if a[0] == axis:
            out[to[:2]] = whole[0]
        elif to is None or inner not in down:
            return None
        else:
            out[to] = down[inner]
    return out
