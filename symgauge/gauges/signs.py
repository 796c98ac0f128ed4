"""Signs and angles that balanced gauges leave open, fixed leg after leg.

A sign of an index is fixed by a tensor whose other signs are fixed already: a fixed combination of
its rows becomes positive. So the tables that inputs pick from come first, then what reads them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symgauge.checks.runtime.moves import block
from symgauge.families.family import Move, Place
from symgauge.weights.action import Array, rows_of
from symgauge.gauges.gauge import HeldGauge
from symgauge.gauges.recipe import Outcome
from symgauge.weights.rotations import with_ones_first
from symgauge.weights.statement import Group


#: A combination that is smaller, in units of the largest entry, has no sign.
CLEAR = 1e-8


@dataclass(frozen=True)
class _Open:
    """A group whose signs or angles are open; `checked`: those of numbers, and of indices."""

    group: Group
    moves: tuple[Move, ...]
    checked: bool


def fix_signs(gauge: HeldGauge, groups: Sequence[Group], found: Outcome) -> None:
    """Signs of matrices, angles of planes, and signs that the function is seen to keep."""
    left = [_Open(g, g.moves, False) for g in groups if g.kind is not None and (
        g.kind.is_matrix and not g.kind.fixes_sums_of_0)]
    left += _checked(gauge, groups, found)
    shapes = {p.name: p.shape for p in gauge.symmetries.network.parameters}
    while left:
        found_place = next((
            (o, m, total) for o in left for m in _ready(o, left, shapes)
            if (total := _combined(gauge, o.group, m)) is not None), None)
        if found_place is None:
            break
        one, move, total = found_place
        left = [o for o in left if o is not one]
        if one.checked and not _may(gauge, one.group, total):
            # one index was tried
            found.left.append(f"signs of {one.group.label}: the function keeps not all of them")
            continue
        _fix(gauge, one.group, total)
        found.done.append(
            f"signs of {one.group.label}: by {move.parameter}"
            + (" (checked)" if one.checked else ""))
    found.left += [
        f"signs of {o.group.label}: all that it moves is 0, or has other open signs" for o in left]


def _checked(gauge: HeldGauge, groups: Sequence[Group], outcome: Outcome) -> list[_Open]:
    """Scalings by -1, and signs of indices that nothing else moves, where the function stays.

    Signs that families undo at all places are theirs; at some places alone they are left.
    """
    found = []
    for group in groups:
        odd = [m for m in group.moves if m.weight.numerator % 2]
        plain = group.kind is not None and group.kind.is_scaling and not group.via and all(
            m.form == "s^k" and m.weight.denominator == 1 and not m.offset for m in group.moves)
        if plain and odd:
            signs = np.ones((int(np.prod(group.copies, dtype=int)), group.size))
            signs[0, 0] = -1
            if gauge.may(group, signs):
                found.append(_Open(group, tuple(odd), True))
    for group in gauge.symmetries.orders:
        signs = np.where(np.arange(group.size) == 0, -1.0, 1.0)
        if len(group.modulo) == len(group.moves) or (
                not gauge.may(group, signs, np.arange(group.size))):
            continue
        if group.modulo:
            outcome.left.append(
                f"signs in the {group.label}: at some of its places they are those of a family")
        else:
            found.append(_Open(group, group.moves, True))
    return found


def _ready(
    one: _Open, left: Sequence[_Open], shapes: Mapping[str, Sequence[int]]
) -> Iterator[Move]:
    """Places of it whose entries no other open sign changes, nor its own a second time."""
    others = [m for o in left if o is not one for m in o.moves]
    for move in one.moves:
        twice = [m for m in one.moves if m is not move]
        if move.at is not None and not any(
                _meet(move, m, shapes[move.parameter]) for m in (*others, *twice)):
            yield move


def _meet(a: Move, b: Move, shape: Sequence[int]) -> bool:
    """Whether two moves change an entry in common."""
    if a.parameter != b.parameter:
        return False
    if a.at is None or b.at is None or a.at.axis != b.at.axis or a.part or b.part:
        return True
    here, there = (_entries(m.at, shape[m.at.axis]) for m in (a, b) if m.at is not None)
    return bool(here & there)


def _entries(at: Place, length: int) -> set[int]:
    """The entries of its axis that a place takes."""
    whole = np.arange(length)
    return set(block(whole, {**at.plain(), "axis": 0, "per": []}).reshape(-1).tolist())


def _combined(gauge: HeldGauge, group: Group, move: Move) -> Array | None:
    """A fixed combination of the rows of a place, (copies, n); None where an entry is rounding."""
    seen = gauge.seen(group)
    assert seen is not None  # it was settled on its slices
    rows = rows_of(seen[move.parameter], move)
    # fixed numbers, none of them special
    by = np.random.default_rng(0).standard_normal(rows.shape[1])
    basis = _basis(group)
    total: Array = np.einsum("k,ckn->cn", by, rows if basis is None else rows @ basis)
    clear = CLEAR * max(float(abs(seen[n]).max()) for n in group.tensors)
    sizes = abs(total if basis is None else total[:, 1:])
    if group.kind is not None and group.kind.is_of_a_plane:
        sizes = np.linalg.norm(total, axis=1)
    return None if (sizes <= clear).any() else total


def _basis(group: Group) -> Array | None:
    """The basis of what fixes the vector of ones; None: that of the entries."""
    fixes_ones = group.kind is not None and group.kind.fixes_ones
    return with_ones_first(group.size) if fixes_ones else None


def _fix(gauge: HeldGauge, group: Group, total: Array) -> None:
    """Make the combination of rows positive, for each index or plane."""
    kind, basis = group.kind, _basis(group)
    if kind is not None and kind.is_of_a_plane:
        gauge.act(group, _turned(total))
        return
    signs = np.where(total < 0, -1.0, 1.0)
    if kind is None:
        gauge.act(group, signs[0], np.arange(group.size))
    elif kind.is_scaling:
        gauge.act(group, signs)
    else:
        if basis is not None:
            signs[:, 0] = 1  # the vector of ones is fixed
        if kind.orthogonal:
            signs[:, -1] *= signs.prod(1)  # determinant 1
        matrices = signs[:, :, None] * np.eye(group.size)
        gauge.act(group, matrices if basis is None else basis @ matrices @ basis.T)


def _may(gauge: HeldGauge, group: Group, total: Array) -> bool:
    """Whether the function is seen to keep the signs that `_fix` takes; it does where none is."""
    signs = np.where(total < 0, -1.0, 1.0)
    if (signs > 0).all():
        return True
    if group.kind is None:
        return gauge.may(group, signs[0], np.arange(group.size))
    return gauge.may(group, signs)


def _turned(total: Array) -> Array:
    """The rotations that bring vectors of the plane to the positive first axis."""
    x, y = (total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300)).T
    found: Array = np.stack([np.stack([x, y], -1), np.stack([-y, x], -1)], -2)
    return found
