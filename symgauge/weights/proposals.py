"""The element that each place where a group acts proposes for it.

Least squares for matrices, Procrustes for rotations, ratios for scalings. Beside it stands the
place that has more equations than the element has unknowns: if it fits there, that is no accident.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod

import numpy as np
from scipy.linalg import lstsq, solve_sylvester

from symgauge.checks.runtime.moves import block, part_of, places, sum_for
from symgauge.families.family import Place
from symgauge.families.kind import Kind
from symgauge.weights.action import Array, Element, rows_of
from symgauge.weights.view import TINY, WHOLE, View

#: Equations beyond twice the unknowns that are looked at.
MORE = 64
Proposal = tuple[Element, int | None]


def _moved(one: Array, two: Array) -> bool:
    return bool((one != two).any())


def _linear(view: View) -> Iterator[Proposal]:
    """g in GL(n): each place alone where it determines g, and all together."""
    group, n = view.group, view.group.size
    eye = np.eye(n)
    for k, (move, one, two) in enumerate(view.pairs):
        if one.shape[1] >= n and _moved(one, two):
            source, target = (one, two) if move.form == "g" else (two, one)
            solved = np.linalg.pinv(source) @ target
            g = np.swapaxes(solved, 1, 2) if move.form == "g" else solved
            if _usable(g):
                yield Element(group.kind, g), k if one.shape[1] > n else None
    g = np.tile(eye, (prod(group.copies), 1, 1))
    for c in range(len(g)):
        left, right, rhs = (np.zeros((n, n)) for _ in range(3))
        for move, one, two in view.pairs:
            s, t = one[c], two[c]
            size = max((s * s).sum(), (t * t).sum(), TINY)
            if move.form == "g":  # g s^T = t^T
                right += s.T @ s / size
                rhs += t.T @ s / size
            else:  # t g = s
                left += t.T @ t / size
                rhs += t.T @ s / size
        # a direction that no place shows stays
        rhs += 2e-13 * eye
        g[c] = solve_sylvester(left + 1e-13 * eye, right + 1e-13 * eye, rhs)
    if _usable(g):
        yield Element(group.kind, g), None


def _usable(g: Array) -> bool:
    return bool(np.isfinite(g).all() and (np.linalg.cond(g) < 1e10).all())


def _procrustes(view: View) -> Iterator[Proposal]:
    """g in O(n): the nearest to what each place, and all together, correlate."""
    kind, n = view.group.kind, view.group.size
    assert kind is not None
    ones = np.full((n, n), 1 / n)
    total = np.zeros((prod(view.group.copies), n, n))
    for k, (move, one, two) in enumerate(view.pairs):
        if not _moved(one, two):
            continue
        size = np.maximum((one * one).sum((1, 2), keepdims=True), TINY)
        correlation = np.swapaxes(two, 1, 2) @ one / size
        total += correlation
        if one.shape[1] >= n:
            yield Element(kind, _orthogonal(correlation, kind.fixes_ones, ones)), k
    yield Element(kind, _orthogonal(total, kind.fixes_ones, ones)), None


def _orthogonal(correlation: Array, fixes_ones: bool, ones: Array) -> Array:
    if fixes_ones:
        centre = np.eye(len(ones)) - ones
        # the vector of ones is fixed: it outweighs all else
        size = np.abs(correlation).sum((1, 2), keepdims=True) + 1
        correlation = centre @ correlation @ centre + 1e3 * size * ones
    u, _, v = np.linalg.svd(correlation)
    found: Array = u @ v
    return found


def _complex(view: View) -> Iterator[Proposal]:
    """z on the plane: t = z s, and for the dual s = conj(z) t."""
    tops, bottoms = [], []
    for k, (move, one, two) in enumerate(view.pairs):
        s, t = (a[..., 0] + 1j * a[..., 1] for a in (one, two))
        if move.form == "g":
            top, bottom = (t * s.conj()).sum(1), (abs(s) ** 2).sum(1)
        else:
            top, bottom = (s.conj() * t).sum(1), (abs(t) ** 2).sum(1)
        top, bottom = top / np.maximum(bottom, TINY), np.ones_like(bottom)
        tops.append(top)
        bottoms.append(bottom)
        if _moved(one, two):
            yield Element(view.group.kind, _plane(top)), k if one.shape[1] > 1 else None
    yield Element(view.group.kind, _plane(sum(tops) / np.maximum(sum(bottoms), TINY))), None


def _plane(z: Array) -> Array:
    """The matrix a + b J of z = a + b i."""
    a, b = z.real, z.imag
    tiny = abs(z) < 1e-12
    a, b = np.where(tiny, 1.0, a), np.where(tiny, 0.0, b)
    return np.stack([np.stack([a, -b], -1), np.stack([b, a], -1)], -2)


def _ratios(view: View) -> Iterator[Proposal]:
    """s of each index, from each place."""
    found = []
    for k, (move, one, two) in enumerate(view.pairs):
        if not _moved(one, two):
            continue
        weight, offset = float(move.weight), float(move.offset)
        with np.errstate(all="ignore"):
            if move.form == "+c":  # log s is added
                s = np.exp((two - one).mean(1) / weight)
            else:
                one, two = one + offset, two + offset
                ratio = (one * two).sum(1) / np.maximum((one * one).sum(1), TINY)
                s = np.sign(ratio) * abs(ratio) ** (1 / weight)
        s = np.where(np.isfinite(s) & (s != 0), s, 1.0)
        if move.weight % 2 != 1 or view.group.positive:
            s = abs(s)
        found.append(s)
        yield Element(view.group.kind, s), k if one.shape[1] > 1 else None
    if len(found) > 1:
        logs = np.exp(np.mean([np.log(abs(s)) for s in found], 0))
        yield Element(view.group.kind, logs), None


def _shifts(view: View) -> Iterator[Proposal]:
    """c from each place that it is added to, and from what is contracted with it."""
    group = view.group
    shape = (prod(group.copies), group.size)
    for k, (move, one, two) in enumerate(view.pairs):
        if _moved(one, two):
            c = (two - one).mean(1) / float(move.weight)
            yield Element(group.kind, c), k if one.shape[1] > 1 else None
    systems, values = [], []
    for move in group.moves:
        if not move.reads:
            continue
        plain = move.plain()
        weight = float(move.weight) * float(sum_for(view.here, plain))
        if move.form != "+Tc" and move.at is not None:
            over = part_of(view.here, plain, "source") if move.source else 1.0
            change = (view.there[move.parameter] - view.here[move.parameter]) * over
            if change.any() and weight:
                yield Element(group.kind, rows_of(change, move).mean(1) / weight), None
            continue
        if move.form == "+Tc":
            assert move.at is not None
            matrix = _summed(part_of(view.here, plain, "source"), move.at).T * weight
        else:  # one number, over the source
            over = part_of(view.here, plain, "source") if move.source else np.ones(1)
            over = np.broadcast_to(1 / over, part_of(view.here, plain).shape)
            matrix = over.reshape(-1, 1) * weight
        change = (part_of(view.there, plain) - part_of(view.here, plain)).reshape(-1)
        if not change.any():
            continue
        c = _solved(matrix, change)
        yield Element(group.kind, c.reshape(shape)), WHOLE
        systems.append(matrix)
        values.append(change)
    if len(systems) > 1:
        c = _solved(np.concatenate(systems), np.concatenate(values))
        yield Element(group.kind, c.reshape(shape)), WHOLE


def _summed(source: Array, at: Place) -> Array:
    """The source with its index as the first axis: (copies n, what is left), repeats summed."""
    view = block(source, at.plain())
    copies, along = places(at.plain())
    index = copies + along
    repeats = [k for k in range(at.axis, at.axis + len(at.sizes)) if k not in index]
    kept = [k for k in range(view.ndim) if k not in index + repeats]
    flat = view.transpose([*index, *kept, *repeats])
    count = prod(flat.shape[:len(index)])
    summed: Array = flat.reshape(count, prod(view.shape[k] for k in kept), -1).sum(-1)
    return summed


def _solved(matrix: Array, change: Array) -> Array:
    """The least c with matrix c = change, from as many equations as determine it twice."""
    rows, unknowns = matrix.shape
    if rows > 2 * unknowns + MORE:
        some = np.linspace(0, rows - 1, 2 * unknowns + MORE).astype(int)
        matrix, change = matrix[some], change[some]
    matrix, change = matrix.astype(np.float64), change.astype(np.float64)
    if len(matrix) >= unknowns:  # of full rank, as nearly always: several times as fast
        q, r = np.linalg.qr(matrix)
        pivots = abs(np.diagonal(r))
        if pivots.min() > 1e-6 * pivots.max():
            short: Array = np.linalg.solve(r, q.T @ change)
            return short
    found: Array = lstsq(matrix, change, cond=1e-10, lapack_driver="gelsy")[0]
    return found


def _lines(view: View) -> Iterator[Proposal]:
    """u of g = 1 + u 1^T: from sums of rows, or from what all entries of a row share."""
    for k, (move, one, two) in enumerate(view.pairs):
        if not _moved(one, two):
            continue
        change = two - one
        if move.form == "g":  # change = (sum of the row) u
            total = one.sum(2)
            u = (change * total[..., None]).sum(1) / np.maximum(
                (total * total).sum(1), TINY)[:, None]
        else:  # change = (row . v) for each entry, v = -u / (1 + 1^T u)
            shared = change.mean(2)
            v = np.stack([
                np.linalg.lstsq(r, d, rcond=1e-10)[0] for r, d in zip(one, shared, strict=True)])
            total = 1 + v.sum(1, keepdims=True)
            u = -v / np.where(abs(total) < 1e-12, 1e-12, total)
        yield Element(view.group.kind, u), k if one.shape[1] > 1 else None


def proposals(kind: Kind, view: View) -> Iterator[Proposal]:
    """Elements of a group of this kind, each with the place that it explains by more than it asks.

    In place of a place's number stands WHOLE, or None where there is none.
    """
    if kind.is_vector:
        way = _ratios if kind.is_scaling else _shifts
    elif kind.fixes_sums_of_0:
        way = _lines
    elif kind.is_of_a_plane:
        way = _complex
    elif kind.commutes_with_turns:
        return iter(())  # no way to one is known
    else:
        way = _procrustes if kind.orthogonal else _linear
    return way(view)
