"""The element of a family that brings weights to its gauge: zero, unit, balanced, diagonal.

Each function looks at a family on its slices and returns the element, or the reason why there is
none. Balanced: what an element multiplies and what it divides have the same sum of squares, which
is where the sum of squares of all is least (G. Kempf, L. Ness, LNM 732, 1979).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from symgauge.families.family import Move
from symgauge.weights.action import Array, rows_of
from symgauge.gauges.balance import balancing
from symgauge.gauges.gauge import sides
from symgauge.weights.rotations import proper, with_ones_first
from symgauge.weights.statement import Group

State = Mapping[str, Array]


@dataclass(frozen=True)
class Step:
    """An element's values, and how far it is from the identity; what the gauge is called."""

    values: Array
    size: float
    gauge: str


def shifted_first(groups: Sequence[Group]) -> dict[int, Move]:
    """For each family of shifts, by its number, the move whose tensor it brings to 0.

    A tensor that no other of them moves, then one that those before move alone: so that none
    undoes what another did. Where there is none, the first.
    """
    found: dict[int, Move] = {}
    left = {k: g for k, g in enumerate(groups) if g.kind is not None and g.kind.is_shift and any(
        m.form == "+c" for m in g.moves)}
    while left:
        movers = Counter(n for g in left.values() for n in g.tensors)
        k, move = min(
            ((k, m) for k, g in left.items() for m in g.moves if m.form == "+c"),
            key=lambda pair: movers[pair[1].parameter])
        found[k] = move
        del left[k]
    return found


def step_of(group: Group, seen: State, first: Move | None) -> Step | str:
    """The step of a family to its gauge; in words why there is none.

    `first` is the move of a family of shifts that decides.
    """
    kind = group.kind
    assert kind is not None
    if kind.is_shift:
        return _to_zero(group, seen, first)
    if kind.is_scaling:
        return _scaled(group, seen)
    if kind.fixes_sums_of_0:
        return _unit_bias(group, seen)
    ways: list[tuple[bool, Callable[[Group, State], Step | str]]] = [
        (kind.is_of_a_plane, _balanced_planes), (kind.orthogonal, _principal),
        (kind.contains_scalars and not kind.commutes_with_turns, _balanced)]
    for fits, way in ways:
        if fits:
            return way(group, seen)
    return f"no gauge is stated for {kind}"


def _rows(move: Move, seen: State) -> Array:
    return rows_of(seen[move.parameter], move)


def _to_zero(group: Group, seen: State, move: Move | None) -> Step | str:
    """The mean of the entries that each number is added to is 0."""
    if move is None:
        return "it is added to no tensor entry by entry"
    rows = _rows(move, seen)
    c = -rows.mean(1) / float(move.weight)
    scale = max(float(np.sqrt((seen[m.parameter] ** 2).mean())) for m in group.moves) or 1.0
    what = "at 0" if rows.shape[1] == 1 else "of mean 0 along what shifts alike"
    return Step(c, float(abs(c).max()) / scale, f"{move.parameter} {what}")


def _squares(group: Group, seen: State) -> tuple[Array, Array]:
    """Sums of squares of what each index multiplies and divides, (copies, n), offsets included."""
    found = []
    for side in sides(group):
        total = np.zeros((int(np.prod(group.copies, dtype=int)), group.size))
        for m in side:
            rows = _rows(m, seen) + float(m.offset)
            total = total + (rows * rows).sum(1)
        found.append(total)
    return found[0], found[1]


def _scaled(group: Group, seen: State) -> Step | str:
    """s at which both sides have one sum of squares; 1 where there is one side alone."""
    weights = {abs(m.weight) for m in group.moves}
    added = [m for m in group.moves if m.form == "+c"]
    if added:
        rows = _rows(added[0], seen)
        log, words = -rows.mean(1) / float(added[0].weight), f"{added[0].parameter} of mean 0"
    elif len(weights) > 1:
        return "it scales by several powers"
    else:
        up, down = _squares(group, seen)
        k = float(weights.pop())
        one_side = not (up.any() and down.any())
        used = (up + down > 0) if one_side else (up > 0) & (down > 0)
        up, down = np.where(used, up, 1.0), np.where(used, down, 1.0)
        if one_side and not sides(group)[1]:
            log, words = -np.log(up) / 2 / k, "of norm 1"
        elif one_side and not sides(group)[0]:
            log, words = np.log(down) / 2 / k, "of norm 1"
        else:
            log, words = (np.log(down) - np.log(up)) / 4 / k, "balanced"
    return Step(np.exp(log), float(abs(log).max()), words)


def _unit_bias(group: Group, seen: State) -> Step | str:
    """1 + u 1^T that brings the first vector it multiplies to +-1/n, each entry alike."""
    move = group.moves[0]
    rows = _rows(move, seen)
    if rows.shape[1] != 1 or move.form != "g":
        return "it multiplies no vector"
    b = rows[:, 0]
    total = b.sum(1, keepdims=True)
    if (abs(total) < 1e-8 * abs(b).max()).any():
        return f"{move.parameter} sums to 0, and stays so"
    u = (np.sign(total) / group.size - b) / total
    return Step(u, float(abs(u).max()), f"{move.parameter} has equal entries, of sum +-1")


def _balanced_planes(group: Group, seen: State) -> Step | str:
    """A multiple of 1 for each plane; the angle is fixed with the signs."""
    up, down = (side.sum(1) for side in _squares(group, seen))
    if not (up.all() and down.all()):
        return "a plane holds zeros alone"
    log = (np.log(down) - np.log(up)) / 4
    return Step(np.exp(log)[:, None, None] * np.eye(2), float(abs(log).max()), "balanced")


def _balanced(group: Group, seen: State) -> Step | str:
    """Both Gram matrices are one diagonal matrix, in falling order."""
    n = group.size
    stacks = [np.concatenate([_rows(m, seen) for m in side], 1) if side else np.zeros(
        (1, 0, n)) for side in sides(group)]
    found = []
    for up, down in zip(*stacks, strict=False):
        g = balancing(up, down)
        if g is None:
            return "what it multiplies, or what it divides, has not full rank"
        found.append(g)
    values = np.stack(found)
    return Step(values, _off(values), "balanced, its Gram matrix diagonal in falling order")


def _principal(group: Group, seen: State) -> Step | str:
    """The Gram matrix of all that it turns is diagonal, in falling order; ones stay fixed."""
    assert group.kind is not None
    total = sum(np.swapaxes(r, 1, 2) @ r for r in (_rows(m, seen) for m in group.moves))
    basis = with_ones_first(group.size) if group.kind.fixes_ones else np.eye(group.size)
    first = int(group.kind.fixes_ones)
    found = []
    for gram in basis.T @ np.asarray(total) @ basis:
        values, vectors = np.linalg.eigh(gram[first:, first:])
        if len(values) > 1 and np.diff(values).min() <= 1e-9 * values.max():
            return "two directions of its Gram matrix weigh the same"
        turn = np.eye(group.size)
        turn[first:, first:] = _near_identity(vectors[:, ::-1].T)
        found.append(basis @ turn @ basis.T)
    turns = np.stack(found)
    return Step(turns, _off(basis.T @ turns @ basis), "its Gram matrix diagonal in falling order")


def _near_identity(rows: Array) -> Array:
    """Rows with the signs that make the diagonal positive; the determinant is 1."""
    signs = np.where(np.diag(rows) < 0, -1.0, 1.0)
    return proper((rows * signs[:, None]).T).T


def _off(values: Array) -> float:
    """How far matrices are from diagonal signs."""
    return float(abs(abs(values) - np.eye(values.shape[-1])).max())
