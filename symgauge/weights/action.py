"""Elements of groups, as they are fitted, and what they do to tensors (numpy, in place).

A matrix element is an array copies + [n, n]; scales, shifts and the u of g = 1 + u 1^T are
copies + [n]; a permutation is (order, signs): index j takes what index order[j] held.
A group with slices acts where their tensors are 1 or 0: the state is brought there, moved, and
brought back, by the values that these tensors have.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgauge.weights.statement import MATRICES, Group, Move, Place, Slice

Array = NDArray[Any]
State = MutableMapping[str, Array]


@dataclass(frozen=True)
class Element:
    """The element of one group: `values`, and of a permutation also `order`."""

    kind: str
    values: Array
    order: Array | None = None

    def act(self, form: str, rows: Array) -> Array:
        """g or g^-T on every row (copies + [m, n]); `values` has one axis for all copies."""
        if self.order is not None:
            moved: Array = rows[..., self.order] * self.values
            return moved
        if self.kind == "centred":
            u = self.values[:, None, :]
            if form == "g":
                found: Array = rows + rows.sum(-1, keepdims=True) * u
                return found
            back: Array = u / (1 + u.sum(-1, keepdims=True))
            found = rows - (rows * back).sum(-1, keepdims=True)
            return found
        matrix = self.values
        if form == "g^-T":
            matrix = np.swapaxes(np.linalg.inv(matrix), -1, -2)
        turned: Array = rows @ np.swapaxes(matrix, -1, -2).astype(rows.dtype)
        return turned


def block(array: Array, at: Place) -> Array:
    """The view of a place, its axis split into the place's sizes."""
    part = array[(slice(None),) * at.axis + (slice(at.start, at.span[2]),)]
    return part.reshape(*part.shape[:at.axis], *at.sizes, *part.shape[at.axis + 1:])


def rows_of(array: Array, at: Place | None) -> Array:
    """What a place holds as (copies, rows, n): one row for each index beside the element's."""
    if at is None:
        return array.reshape(1, -1, 1)
    view = block(array, at)
    order = _order(view.ndim, at)
    flat = view.transpose(order)
    copies = prod(flat.shape[:len(at.per)])
    return flat.reshape(copies, -1, flat.shape[-1])


def put_rows(array: Array, at: Place | None, rows: Array) -> None:
    """Write back what `rows_of` gave."""
    if at is None:
        array[...] = rows.reshape(array.shape)
        return
    view = block(array, at)
    order = _order(view.ndim, at)
    shape = tuple(view.shape[k] for k in order)
    back = rows.reshape(shape).transpose(np.argsort(order))
    # a reshape of a slice may be a copy
    where = (slice(None),) * at.axis + (slice(at.start, at.span[2]),)
    array[where] = back.reshape(array[where].shape)


def _order(ndim: int, at: Place) -> list[int]:
    copies, along = [at.axis + j for j in at.per], at.axis + at.along
    return [*copies, *(k for k in range(ndim) if k not in copies and k != along), along]


def contracted(source: Array, at: Place) -> Array:
    """The source with its index as the first axis: (copies n, what is left), repeats summed."""
    view = block(source, at)
    copies, along = [at.axis + j for j in at.per], at.axis + at.along
    repeats = tuple(
        at.axis + j for j in range(len(at.sizes)) if j not in at.per and j != at.along)
    kept = [k for k in range(view.ndim) if k not in copies and k != along and k not in repeats]
    flat = view.transpose([*copies, along, *kept, *repeats])
    count = prod(flat.shape[:len(copies) + 1])
    flat = flat.reshape(count, prod(view.shape[k] for k in kept), -1)
    summed: Array = flat.sum(-1)
    return summed


def apply_move(state: State, move: Move, element: Element) -> None:
    """One move, in place."""
    target = state[move.tensor]
    if move.form == "+Tc":
        assert move.source is not None and move.at is not None
        added = element.values.reshape(-1) @ contracted(state[move.source], move.at)
        target += (move.weight * added).reshape(target.shape).astype(target.dtype)
        return
    rows = rows_of(target, move.at)
    if move.form == "s^k":
        u = move.offset
        rows = (rows + u) * element.values[:, None, :] ** move.weight - u
    elif move.form == "+c":
        rows = rows + move.weight * element.values[:, None, :]
    else:
        rows = element.act(move.form, rows)
    put_rows(target, move.at, rows)


def onto_slices(
    state: State, group: Group, given: Sequence[Element] | None = None
) -> list[Element] | None:
    """Bring the state to where the tensors of the slices are 1 or 0; the elements that do so.

    They are read from these tensors unless they are given. None where a gain has an entry 0.
    """
    own: list[Element] = []
    for k, through in enumerate(group.via):
        element = _slice_element(state, through) if given is None else given[k]
        if element is None:
            return None
        for move in reversed(through.moves):
            if move.tensor != through.tensor:
                apply_move(state, _inverse(move), element)
        own.append(element)
    return own


def off_slices(state: State, group: Group, own: Sequence[Element]) -> None:
    """Undo `onto_slices`."""
    for through, element in reversed(list(zip(group.via, own, strict=True))):
        for move in through.moves:
            if move.tensor != through.tensor:
                apply_move(state, move, element)


def _inverse(move: Move) -> Move:
    return Move(move.tensor, move.form, move.at, -move.weight, move.source, move.offset)


def _slice_element(state: Mapping[str, Array], through: Slice) -> Element | None:
    (own,) = (m for m in through.moves if m.tensor == through.tensor)
    rows = rows_of(state[through.tensor], own.at)[:, 0, :]
    if through.kind == "translation":
        return Element("translation", rows / own.weight)
    return Element("diagonal", rows ** (1 / own.weight)) if rows.all() else None


def touched(group: Group) -> list[str]:
    """Every tensor that the group moves or reads."""
    parts: list[Group | Slice] = [group, *group.via]
    names = [n for p in parts for m in p.moves for n in (m.tensor, m.source) if n]
    return list(dict.fromkeys(names))


def apply(state: State, group: Group, element: Element) -> None:
    """The element on the state, in place; the tensors that change are replaced by copies."""
    names = {m.tensor for m in group.moves} | {
        m.tensor for t in group.via for m in t.moves if m.tensor != t.tensor}
    for name in names:
        state[name] = state[name].copy()
    own = onto_slices(state, group)
    if own is None:
        raise ValueError("a gain has an entry that is 0")
    for move in group.moves:
        apply_move(state, move, element)
    off_slices(state, group, own)


def composed(first: Element, second: Element) -> Element:
    """First one, then the other."""
    if second.order is not None and first.order is not None:
        return Element(
            first.kind, first.values[second.order] * second.values, first.order[second.order])
    if first.kind == "translation":
        return Element(first.kind, first.values + second.values)
    if first.kind == "diagonal":
        return Element(first.kind, first.values * second.values)
    if first.kind == "centred":  # (1 + v 1^T)(1 + u 1^T) = 1 + (u + v (1 + 1^T u)) 1^T
        total = 1 + first.values.sum(-1, keepdims=True)
        return Element(first.kind, first.values + second.values * total)
    return Element(first.kind, second.values @ first.values)


def identity(group: Group) -> Element:
    """The element that moves nothing."""
    copies, n = prod(group.copies), group.size
    if group.kind == "permutation":
        return Element(group.kind, np.ones(n), np.arange(n))
    if group.kind in MATRICES and group.kind != "centred":
        return Element(group.kind, np.tile(np.eye(n), (copies, 1, 1)))
    fill = 1.0 if group.kind == "diagonal" else 0.0
    return Element(group.kind, np.full((copies, n), fill))


def relative(one: Array, two: Array) -> float:
    """The norm of the difference over that of the larger one."""
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(two)))
    return float(np.linalg.norm(one - two)) / size if size else 0.0
