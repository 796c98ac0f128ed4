"""Permutations: the order in which the indices of a leg are found again, and their signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np
from scipy.optimize import linear_sum_assignment

from symgauge.checks.runtime.moves import block, places
from symgauge.families.family import Move
from symgauge.weights.action import Array, Element, identity
from symgauge.weights.view import GAIN, TINY, View

#: Entries of an index that are looked at to recognise it, and indices that are always assigned.
SAMPLE, FEW = 128, 64


def order_of(view: View) -> Element | None:
    """The order with the smallest errors up to what else acts along it.

    None where it is the one that is there, and where it makes no place exact: a few indices can
    always be put into some order that is a little better.
    """
    n = view.group.size
    if n > FEW and _stays(view):
        return None
    nears = [_nearness(view, k) for k in range(len(view.moves))]
    found = list(_orders(view, nears))
    if not found:
        return None

    def errors(order: Array) -> list[tuple[float, float]]:
        return [
            (np.sqrt(max(float(1 - near[order, np.arange(n)].mean()), 0.0)),
             max(view.floor[view.moves[k].parameter], 1e-7))
            for k, near in enumerate(nears) if near is not None]

    def score(order: Array) -> float:
        return sum(float(np.log10(error + floor)) for error, floor in errors(order))

    still = np.arange(n)
    best = min(found, key=lambda e: score(e.order))  # type: ignore[arg-type]
    assert best.order is not None
    if (best.order == still).all():  # signs alone
        gain = view.score(identity(view.group)).sum() - view.score(best).sum()
        exact = True
    else:
        gain = score(still) - score(best.order)
        exact = any(
            new < 10 * floor < old for (new, floor), (old, _) in zip(
                errors(best.order), errors(still), strict=True))
    return best if exact and gain > GAIN else None


def _orders(view: View, nears: Sequence[Array | None]) -> Iterator[Element]:
    """Orders of the indices: each place's own, up to what else may act along it."""
    seen = set()
    for near in nears:
        if near is None:
            continue
        order = near.argmax(0)
        twice = len(order) - len(set(order.tolist()))
        if twice > max(len(order) // 10, FEW):
            continue  # nothing is recognised there
        if twice:
            rows, columns = linear_sum_assignment(-near)
            order = np.empty(len(near), dtype=int)
            order[columns] = rows
        if tuple(order) in seen:
            continue
        seen.add(tuple(order))
        yield Element(None, _signs(view, order), order)


def _stays(view: View) -> bool:
    """Whether a place with more entries than recognise an index has each where it was."""
    for k, move in enumerate(view.moves):
        pair = _rows(view, k)
        if pair is None or pair[0].shape[1] < SAMPLE:
            continue
        one, two = pair
        squares, product = ((one * one).sum(1), (two * two).sum(1)), (one * two).sum(1)
        near = _nearer(*squares, product, k in view.group.modulo)
        exact = (10 * max(view.floor[move.parameter], 1e-7)) ** 2
        if (1 - near <= exact).all() and (view.group.modulo or (product >= 0).all()):
            return True
    return False


def _nearness(view: View, k: int) -> Array | None:
    """How well index i of BEFORE goes for index j of AFTER at one place, at most 1.

    None where any index goes for any other.
    """
    move = view.moves[k]
    kind, along = view.group.modulo.get(k, (None, 0))
    if kind is not None and kind.is_matrix:
        one, two = (_indexed(s[move.parameter], move) for s in (view.here, view.there))
        if k in view.group.shifted:
            one, two = (_centred(a, move) for a in (one, two))
        return _same_spans(
            one.astype(np.float64), two.astype(np.float64), move, along, k in view.group.shifted)
    pair = _rows(view, k)
    if pair is None:
        return None
    one, two = pair
    squares = (one * one).sum(1)[:, None], (two * two).sum(1)[None]
    return _nearer(*squares, one @ two.T, kind is not None)


def _rows(view: View, k: int) -> tuple[Array, Array] | None:
    """What recognises each index at one place, in BEFORE and in AFTER."""
    move = view.moves[k]
    kind = view.group.modulo.get(k, (None, 0))[0]
    if kind is not None and kind.is_matrix:
        return None
    one, two = (_indexed(s[move.parameter], move) for s in (view.here, view.there))
    if k in view.group.shifted:
        if prod(one.shape[len(move.at.sizes):]) < 3:  # type: ignore[union-attr]
            return None
        one, two = (_centred(a, move) for a in (one, two))
    one, two = _some(one), _some(two)
    return None if one.shape[1] < (2 if kind is not None else 1) else (one, two)


def _nearer(one: Array, two: Array, product: Array, scaled: bool) -> Array:
    """1 less the square of a relative distance up to sign, or up to a factor."""
    with np.errstate(all="ignore"):
        if scaled:
            found: Array = product ** 2 / (one * two)
        else:
            found = 1 - np.minimum(
                one + two - 2 * abs(product), one + two) / np.maximum(np.maximum(one, two), TINY)
    return np.nan_to_num(found)


def _indexed(array: Array, move: Move) -> Array:
    """The place with the permuted index first, then its axis's other factors, then the rest."""
    assert move.at is not None
    view = block(array, move.at.plain())
    _, (here,) = places(move.at.plain())
    factors = [k for k in range(move.at.axis, move.at.axis + len(move.at.sizes)) if k != here]
    rest = [k for k in range(view.ndim) if k != here and k not in factors]
    found: Array = view.transpose([here, *factors, *rest])
    return found


def _some(view: Array) -> Array:
    """For each index as many entries as recognise it, in float64."""
    count = prod(view.shape[1:])
    if count > SAMPLE:
        some = np.linspace(0, count - 1, SAMPLE).astype(int)
        at: Any = (slice(None), *np.unravel_index(some, view.shape[1:]))
        view = view[at]
    found: Array = view.reshape(len(view), -1).astype(np.float64)
    return found


def _centred(view: Array, move: Move) -> Array:
    """Without the mean over all that no factor of the axis numbers: what shifts change."""
    assert move.at is not None
    rest = tuple(range(len(move.at.sizes), view.ndim))
    found: Array = view - view.mean(rest, keepdims=True) if rest else np.zeros_like(view)
    return found


def _same_spans(
    one: Array, two: Array, move: Move, along: int, centred: bool
) -> Array | None:
    """Nearness up to a matrix on another factor: how much of AFTER's rows BEFORE's rows span."""
    assert move.at is not None
    factors = [j for j in range(len(move.at.sizes)) if j != move.at.along]
    axis, count = 1 + factors.index(along), 1 + len(factors)
    shape = [1, *(move.at.sizes[j] for j in factors)]
    others = [k for k in range(1, count) if k != axis]
    found = []
    for a in (one, two):
        flat = a.reshape(*a.shape[:count], -1).transpose([0, *others, axis, count])
        found.append(flat.reshape(len(a), -1, shape[axis], flat.shape[-1]))
    left, right = found
    if left.shape[2] >= left.shape[3] - centred:
        return None
    basis = np.linalg.qr(np.swapaxes(left, -1, -2))[0]  # (i, others, rest, d)
    n = len(left)
    near = np.empty((n, n))
    size = np.maximum((right * right).sum((1, 2, 3)), TINY)
    for i in range(n):
        inside = right @ basis[i]
        near[i] = (inside * inside).sum((1, 2, 3)) / size
    return near


def _signs(view: View, order: Array) -> Array:
    """The sign of each index, where no family acts along it: by the places that recognise it best.
    """
    votes = np.zeros(len(order))
    for k, move in enumerate(view.moves if not view.group.modulo else ()):
        pair = _rows(view, k)
        if pair is None:
            continue
        one, two = pair[0][order], pair[1]
        squares, product = ((one * one).sum(1), (two * two).sum(1)), (one * two).sum(1)
        far = 1 - _nearer(*squares, product, False)
        votes += product / np.maximum(np.sqrt(squares[0] * squares[1]), TINY) / (
            far + max(view.floor[move.parameter], 1e-7) ** 2)
    return np.where(votes < 0, -1.0, 1.0)
