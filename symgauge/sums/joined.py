"""Entries of which some are turned by a rotary table and the others are not, joined again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from symgauge.program.moves import Address
from symgauge.spaces.line import Line, NoLemma
from symgauge.sums.views import Views


@dataclass(frozen=True)
class Joined:
    """The line that was parted, where its leaves are, the rotary line, the entries left alone.

    `along` are the axes of the rotary line on which the turned entries are; `rest` are leaves of
    the line that takes the others out, and `last` says whether these follow.
    """

    node: int
    at: Mapping[Address, Address]
    turned: int
    along: tuple[int, ...]
    rest: tuple[int, tuple[Address, ...]]
    last: bool


@dataclass(frozen=True)
class Turned:
    """The line below a rotary table, leaves of what was turned as they are there; the rotary line.

    `along` are the axes of the rotary line on which the turned entries are; `beside` tells of those
    that are left alone, if there are any.
    """

    node: int
    feats: tuple[Address, ...]
    own: tuple[Address, ...]
    line: int
    along: tuple[int, ...]
    beside: Joined | None = None


@dataclass(frozen=True)
class _Part:
    """One summand: the line that takes it out, where its leaves are, what turns it along where."""

    line: Line
    at: Mapping[Address, Address | None]
    turned: int | None
    along: tuple[int, ...]


def turned(
    views: Views, line: Line, feats: tuple[Address, ...], own: tuple[Address, ...]
) -> Turned | None:
    """The reading of a rotary line, or of a join of turned entries with others."""
    if line.law == "rotary":
        back = {v: k for k, v in line.attrs["to"].items()}
        if any(a[0] not in back for a in feats):
            return None
        along = tuple(sorted({a[0] for a in own}))
        feats, own = (tuple((back[a[0]], *a[1:]) for a in x) for x in (feats, own))
        return Turned(line.inputs[0], feats, own, line.node, along)
    found = joined(views, line)
    if found is None or any(a not in found.at for a in feats):
        return None
    feats, own = (tuple(found.at[a] for a in x) for x in (feats, own))
    return Turned(found.node, feats, own, found.turned, found.along, found)


def joined(views: Views, line: Line) -> Joined | None:
    """The reading of a join of two parts of one line, one of them turned; None where it is none."""
    axis = line.attrs["axis"]
    if len(line.inputs) != 2:
        return None
    first, second = (_part(views, j, axis) for j in line.inputs)
    if first is None or second is None:
        return None
    if (first.turned is None) == (second.turned is None) or not _whole(views, first, second):
        return None
    at: dict[Address, Address] = {}
    for k, part in enumerate((first, second)):
        found = _leaves(views, line, k, part, axis)
        if found is None or any(at.get(a, b) != b for a, b in found.items()):
            return None
        at |= found
    still = first if first.turned is None else second
    moved = second if first.turned is None else first
    assert moved.turned is not None
    cut = still.line.attrs["axis"]
    rest = tuple(a for a in views.structure.top(still.line.node) if a[0] == cut)
    return Joined(first.line.inputs[0], at, moved.turned, moved.along, (still.line.node, rest),
                  still is second)


def _part(views: Views, node: int, axis: int) -> _Part | None:
    """A summand below moves and a rotary table, if it is taken out of a line."""
    view = views.of(node)
    at, turned = dict(view.at), None
    along = tuple(sorted({b[0] for a, b in at.items() if a[0] == axis and b is not None}))
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
    return _Part(line, at, turned, along)


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
        try:
            to = structure.move(line, k, a)
        except NoLemma:  # what meets it elsewhere is cut at other places
            return None
        if to is None:
            return None
        if a[0] == axis:
            out[to[:2]] = whole[0]
        elif inner not in down:
            return None
        else:
            out[to] = down[inner]
    return out
