"""Elements of groups, as they are fitted, and what they do to tensors of numpy.

A matrix element is an array copies + [n, n], with one axis for all copies; scales, shifts and the u
of g = 1 + u 1^T are copies + [n]; a permutation is (order, signs): index j takes what index
order[j] held. They act as everywhere else: by `checks.runtime`.
"""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from math import prod
from typing import Any

import numpy as np
from numpy.typing import NDArray

from symgauge.checks.runtime import elements
from symgauge.checks.runtime.moves import (
    apply_move, block, element_in, moves_onto, off_slices, part_of, places, scales_from_zero,
)
from symgauge.families.family import Family, Move, Place, Through
from symgauge.families.kind import Kind
from symgauge.families.serial import plain_family, plain_slice
from symgauge.weights.order import Order
from symgauge.weights.statement import Group

Array = NDArray[Any]
State = MutableMapping[str, Array]


@dataclass(frozen=True)
class Element:
    """The element of one group: `values`, and of a permutation (of no kind) also `order`."""

    kind: Kind | None
    values: Array
    order: Array | None = None

    @cached_property
    def _inverse(self) -> Array:
        """Of matrices."""
        assert self.kind is not None
        if self.kind.orthogonal:
            return np.swapaxes(self.values, -1, -2)
        found: Array = np.linalg.inv(self.values)
        return found

    @property
    def _matrices(self) -> tuple[Array, Array]:
        """The element and its inverse, as matrices also where it is 1 + u 1^T."""
        assert self.kind is not None
        if not self.kind.fixes_sums_of_0:
            return self.values, self._inverse
        g = np.eye(self.values.shape[-1]) + self.values[..., None]
        return g, np.linalg.inv(g)

    def acting(self, copies: Sequence[int]) -> elements.Element:
        """The element as it acts, with an axis for each of the copies."""
        def split(values: Array) -> Array:
            return values.reshape(*copies, *values.shape[1:])

        if self.kind is None:
            assert self.order is not None
            factor: Any = Order(self.order, self.values)
            return elements.Element((factor,))
        if self.kind.is_matrix and not self.kind.fixes_sums_of_0:
            return elements.Element((elements.Matrix(split(self.values), split(self._inverse)),))
        values = split(self.values)
        if self.kind.is_matrix:
            return elements.Element((elements.Line(values, np.ones_like(values)),))
        if self.kind.is_shift:
            return elements.Element((), None, values)
        with np.errstate(all="ignore"):
            return elements.Element((), values, np.log(abs(values)))

    def absolute(self, copies: Sequence[int]) -> elements.Element:
        """The element with absolute values: what sums of absolute values are moved by."""
        if self.kind is None or not self.kind.is_matrix:
            return replace(self, values=abs(self.values)).acting(copies)
        pair = [abs(a).reshape(*copies, *a.shape[1:]) for a in self._matrices]
        return elements.Element((elements.Matrix(*pair),))

    def act(self, form: str, rows: Array) -> Array:
        """g or g^-T on every row (copies + [m, n]), with one axis for all copies."""
        found: Array = self.acting(self.values.shape[:1]).act(form, rows.copy())
        return found


def rows_of(array: Array, move: Move) -> Array:
    """What a move's place holds of its parameter, as (copies, rows, n).

    One row for each index beside the element's.
    """
    return rows_at(part_of({move.parameter: array}, move.plain()), move.at)


def rows_at(array: Array, at: Place | None) -> Array:
    """What a place holds of an array, as (copies, rows, n)."""
    if at is None:
        return array.reshape(1, -1, 1)
    view = block(array, at.plain())
    copies, along = places(at.plain())
    flat = view.transpose(
        [*copies, *(k for k in range(view.ndim) if k not in copies + along), *along])
    rows: Array = flat.reshape(prod(flat.shape[:len(copies)]), -1, flat.shape[-1])
    return rows


def onto_slices(
    state: State, slices: Sequence[Through], given: Sequence[elements.Element] | None = None
) -> list[elements.Element] | None:
    """Bring the state, in place, to where the tensors of slices are 1 or 0; what leads back.

    The elements are read from these tensors unless they are given. None where a gain has an
    entry 0.
    """
    own = []
    for k, through in enumerate(map(plain_slice, slices)):
        if given is None and scales_from_zero(through, state):
            return None
        element = element_in(through, state) if given is None else given[k]
        for move in moves_onto(through):
            apply_move(state, move, element, measured=False)
        own.append(element)
    return own


def touched(group: Group) -> list[str]:
    """Every tensor that the group moves or reads."""
    moves = [*group.moves, *(m for t in group.via for m in t.moves)]
    return list(dict.fromkeys(n for m in moves for n in (m.parameter, *m.reads)))


def apply(state: State, group: Group, element: Element | elements.Element) -> None:
    """The element on the state, in place; the tensors that change are replaced by copies."""
    names = {m.parameter for m in group.moves} | {
        m.parameter for t in group.via for m in t.moves if m.parameter != t.parameter}
    for name in names:
        state[name] = state[name].copy()
    own = onto_slices(state, group.via)
    if own is None:
        raise ValueError("a gain has an entry that is 0")
    by = element.acting(group.copies) if isinstance(element, Element) else element
    for move in group.moves:
        apply_move(state, move.plain(), by, measured=False)
    if group.via:
        assert group.kind is not None  # a permutation acts through no slice
        off_slices(
            plain_family(Family(
                group.kind, group.copies, group.size, group.moves, (), group.via)),
            own, partial(apply_move, state, measured=False))


def composed(first: Element, second: Element) -> Element:
    """First one, then the other."""
    kind = first.kind
    if kind is None:
        assert first.order is not None and second.order is not None
        return Element(
            None, first.values[second.order] * second.values, first.order[second.order])
    if kind.is_shift:
        return Element(kind, first.values + second.values)
    if kind.is_scaling:
        return Element(kind, first.values * second.values)
    if kind.fixes_sums_of_0:  # (1 + v 1^T)(1 + u 1^T) = 1 + (u + v (1 + 1^T u)) 1^T
        total = 1 + first.values.sum(-1, keepdims=True)
        return Element(kind, first.values + second.values * total)
    return Element(kind, second.values @ first.values)


def identity(group: Group) -> Element:
    """The element that moves nothing."""
    kind, copies, n = group.kind, prod(group.copies), group.size
    if kind is None:
        return Element(None, np.ones(n), np.arange(n))
    if kind.is_matrix and not kind.fixes_sums_of_0:
        return Element(kind, np.tile(np.eye(n), (copies, 1, 1)))
    return Element(kind, np.full((copies, n), float(kind.is_scaling)))


def relative(one: Array, two: Array) -> float:
    """The norm of the difference over that of the larger one."""
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(two)))
    return float(np.linalg.norm(one - two)) / size if size else 0.0
