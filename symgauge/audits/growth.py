"""How large what is added up has been, as elements move a vector: its rounding goes with that.

A bias b - W beta may end near 0, and is rounded as its summands are. An entry of a vector is held
against this size, a row of a matrix against its norm: what is small is not hidden by what is large
beside it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from symgauge.checks.runtime import elements
from symgauge.checks.runtime.moves import (
    apply_move, element_in, moves_back, moves_onto, offset, read_by,
)
from symgauge.families.serial import plain_slice
from symgauge.plain import PlainMove
from symgauge.weights.action import Array, Element, State, relative
from symgauge.weights.statement import Group


#: Entries that are looked at at once.
PIECE = 2**20


def sizes_of(state: Mapping[str, Array]) -> dict[str, Array]:
    """The sizes of the vectors of a state before anything moves."""
    return {n: np.atleast_1d(abs(a)) for n, a in state.items() if a.ndim < 2}


def grow(sizes: State, state: Mapping[str, Array], group: Group, element: Element) -> None:
    """Carry sizes along with an element that moves the state: sums of absolute values."""
    steps: list[tuple[PlainMove, elements.Element]] = [
        (m.plain(), element.absolute(group.copies)) for m in group.moves]
    for through in map(plain_slice, group.via):
        own = _absolute(element_in(through, state))
        steps = [*((m, own) for m in moves_onto(through)), *steps,
                 *((m, own) for m in moves_back(through))]
    for move, by in steps:
        if move["parameter"] in sizes:
            _add(sizes, state, move, by)


def _add(
    sizes: State, state: Mapping[str, Array], move: PlainMove, by: elements.Element
) -> None:
    size, unit = sizes[move["parameter"]], abs(offset(move))
    parts = {move["parameter"]: size}
    parts |= {name: abs(state[name]) for name in read_by(move)}
    size += unit
    positive: PlainMove = {**move, "offset": "0"}
    if move["form"] in ("+c", "+Tc", "+c/T"):
        positive["weight"] = move["weight"].removeprefix("-")
    apply_move(parts, positive, by, measured=False)
    size += unit


def _absolute(own: elements.Element) -> elements.Element:
    return elements.Element(
        (), *(None if x is None else abs(x) for x in (own.scale, own.shift)))


def off(
    state: Array, after: Array, size: Array | None, tiny: float
) -> tuple[float, float]:
    """The relative error of a tensor; and of its worst entry, or row or column of a matrix.

    Below `tiny` the numbers of a dtype are equally spaced. Infinite where one is no number.
    """
    if state.ndim < 2:
        most = np.maximum(abs(after), abs(state))
        if size is not None:
            most = np.maximum(most, size.reshape(most.shape))
        return relative(state, after), _largest(abs(_apart(state, after)), most + tiny)
    squares = _squares(state, after)
    found = []
    for axis in range(state.ndim):
        count = state.size // max(state.shape[axis], 1)
        norms = [np.sqrt(x[axis]) for x in squares]
        found.append(_largest(norms[0], np.maximum(*norms[1:]) + tiny * count ** 0.5))
    whole, *sizes = (float(np.sqrt(x[0].sum())) for x in squares)
    return whole / max(sizes) if whole else 0.0, max(found)


def _apart(state: Array, after: Array) -> Array:
    with np.errstate(invalid="ignore"):  # one infinity in both is no change
        return np.where(state == after, 0.0, state - after)


def _squares(state: Array, after: Array) -> list[list[Array]]:
    """Of the change and of both the sums of squares at each index of each axis, piece by piece."""
    found = [[np.zeros(n) for n in state.shape] for _ in range(3)]
    letters = "abcdefghijklmn"[:state.ndim]
    step = max(1, PIECE // max(state[:1].size, 1))
    for start in range(0, len(state), step):
        rows = slice(start, start + step)
        for sums, a in zip(found, (
                _apart(state[rows], after[rows]), state[rows], after[rows]), strict=True):
            for axis, total in enumerate(sums):
                own = np.einsum(f"{letters},{letters}->{letters[axis]}", a, a)
                if axis:
                    total += own
                else:
                    total[rows] = own
    return found


def _largest(change: Array, size: Array) -> float:
    with np.errstate(all="ignore"):
        # what is no number is as far as can be
        found = np.nan_to_num(np.where(change != 0, change / size, 0.0), nan=np.inf, posinf=np.inf)
    return float(found.max()) if found.size else 0.0
