"""The element that carries one set of weights to another, from the tensors themselves.

Group by group, in turn, until nothing more is explained. Each place where a group acts proposes an
element (least squares, Procrustes, ratios, an assignment); the one that explains most places
is taken, for each copy on its own. One spoilt tensor is then outvoted, and what the element says
that it must be stands beside it. What counts is the product of the places' errors: an element that
makes one tensor exact beats one that makes all a little better.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, reduce
from math import prod

import numpy as np
from scipy.linalg import lstsq, solve_sylvester
from scipy.optimize import linear_sum_assignment

from symgauge.weights.action import (
    Array, Element, State, apply, block, composed, contracted, identity, onto_slices, rows_of,
    touched,
)
from symgauge.weights.statement import Group, Move

ROUNDS = 12
#: Rows of a place that are looked at while an element is sought, beyond four times its size.
ROWS = 256
#: Entries of an index that are looked at to recognise it, and indices that are always assigned.
SAMPLE, FEW = 128, 64
#: Decades by which an element must lower the product of errors.
GAIN = 0.5
TINY = 1e-300


@dataclass
class Fit:
    """The state that the elements reach from BEFORE, and the relative error of each tensor."""

    state: dict[str, Array]
    after: Mapping[str, Array]
    tolerance: Mapping[str, float]
    elements: dict[int, Element] = field(default_factory=dict)
    #: For each element the tolerance of the tensor that it was read from.
    precision: dict[int, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)

    @property
    def unexplained(self) -> list[str]:
        """Tensors that the elements do not carry to AFTER."""
        return [n for n, e in self.errors.items() if not e <= self.tolerance[n]]

    def measure(self, names: Sequence[str]) -> None:
        """Look again at these tensors."""
        for name in names:
            self.errors[name] = relative(self.state[name], self.after[name])


def relative(one: Array, two: Array) -> float:
    """The norm of the difference over that of the larger one."""
    size = max(float(np.linalg.norm(one)), float(np.linalg.norm(two)))
    return float(np.linalg.norm(one - two)) / size if size else 0.0


def fit(
    groups: Sequence[Group], before: Mapping[str, Array], after: Mapping[str, Array],
    tolerance: Mapping[str, float],
) -> Fit:
    """Elements of these groups that carry as many tensors as possible from BEFORE to AFTER."""
    found = Fit(dict(before), after, tolerance)
    found.measure(list(before))
    rng = np.random.default_rng(0)
    weights = [_weights(k, groups) for k in range(len(groups))]
    for _ in range(ROUNDS):
        moved = False
        for k, group in enumerate(groups):
            wrong = set(found.unexplained)
            if not wrong & set(group.tensors):
                continue
            step = _step(group, found, weights[k], k not in found.elements, rng)
            if step is None:
                continue
            element, precision = step
            apply(found.state, group, element)
            old = found.elements.get(k)
            found.elements[k] = element if old is None else composed(old, element)
            found.precision[k] = max(precision, found.precision.get(k, 0.0))
            found.measure(touched(group))
            moved = True
        if not moved:
            break
    found.tolerance = {
        n: max([own, *(p for k, p in found.precision.items() if n in groups[k].tensors)])
        for n, own in tolerance.items()}
    return found


def _weights(k: int, groups: Sequence[Group]) -> dict[str, float]:
    """How much each tensor's error counts for a group: less, the more other families move it."""
    others = [set(g.tensors) for j, g in enumerate(groups) if j != k and g.proved]
    return {n: (1 + sum(n in o for o in others)) ** -0.5 for n in groups[k].tensors}


def _step(
    group: Group, found: Fit, weights: Mapping[str, float], first: bool, rng: np.random.Generator
) -> tuple[Element, float] | None:
    """The best element of one group from the state towards AFTER, and how exact it can be.

    None where none helps.
    """
    if group.near:
        group = replace(group, via=group.near)
    names = touched(group)
    if not set(names) <= set(found.state):
        return None
    here: State = {n: found.state[n] for n in names}
    there: State = {n: found.after[n] for n in names}
    if group.via:
        here, there = ({n: a.copy() for n, a in s.items()} for s in (here, there))
        own = onto_slices(here, group)
        if own is None:
            return None
        onto_slices(there, group, own)
    view = _View(group, here, there, found.tolerance, weights, rng)
    proposals = list(_PROPOSALS[group.kind](view))
    if not proposals:
        return None
    if group.kind == "permutation":
        order = _best_permutation(view, proposals)
        return None if order is None else (order, 0.0)
    still = identity(group)
    scores = [view.score(e) - view.bonus(e, k) for e, k in proposals]
    # at first, what stays as it was speaks for nothing: it may have been forgotten
    kept = 0 if first else reduce(np.maximum, [view.bonus(still, k) for _, k in proposals])
    table = np.array([view.score(still) - GAIN - kept, *scores])
    best = table.argmin(0)
    if not best.any():
        return None
    values = np.stack([still.values, *(e.values for e, _ in proposals)])
    if best.shape == still.values.shape:  # an index of its own each
        chosen = np.take_along_axis(values, best[None], 0)[0]
    else:
        chosen = values[best, np.arange(len(best))] if best.ndim else values[best]
    coarse = max(view.floor.values())
    exact = [coarse if k is None or k == WHOLE else view.floor[view.pairs[k][0].tensor]
             for _, k in proposals]
    return Element(group.kind, chosen), max(exact[b - 1] for b in set(best.flat) if b)


class _View:
    """What a group sees of two states: the rows of each place, as many as are needed."""

    def __init__(
        self, group: Group, here: State, there: State, tolerance: Mapping[str, float],
        weights: Mapping[str, float], rng: np.random.Generator,
    ) -> None:
        self.group, self.here, self.there, self.weights = group, here, there, weights
        #: An error below it is none.
        self.floor = {n: tolerance[n] for n in here}
        self.pairs: list[tuple[Move, Array, Array]] = []
        for k, move in enumerate(group.moves):
            if move.form == "+Tc":
                continue
            one, two = (rows_of(s[move.tensor], move.at) for s in (here, there))
            most = ROWS + 4 * group.size
            if one.shape[1] > most:
                some = np.sort(rng.choice(one.shape[1], most, replace=False))
                one, two = one[:, some], two[:, some]
            one, two = one.astype(np.float64), two.astype(np.float64)
            if group.kind == "so1":  # it fixes the mean, which shifts behind a norm move
                one, two = (a - a.mean(2, keepdims=True) for a in (one, two))
            elif k in group.shifted:
                one, two = (a - a.mean(1, keepdims=True) for a in (one, two))
            self.pairs.append((move, one, two))

    @cached_property
    def nears(self) -> list[Array | None]:
        """`_nearness` of each place."""
        return [_nearness(self, k) for k in range(len(self.pairs))]

    def error(self, k: int, element: Element) -> Array:
        """The relative error at one place, for each copy or each index."""
        move, one, two = self.pairs[k]
        kind = self.group.kind
        axes = (1,) if kind in ("diagonal", "translation") else (1, 2)
        if kind == "diagonal":
            u = move.offset
            with np.errstate(all="ignore"):
                moved = (one + u) * element.values[:, None, :] ** move.weight - u
        elif kind == "translation":
            moved = one + move.weight * element.values[:, None, :]
        else:
            moved = element.act(move.form, one)
        size = np.maximum(_norm(two, axes), _norm(one, axes))
        error: Array = _norm(moved - two, axes) / np.maximum(size, TINY)
        return error

    def score(self, element: Element) -> Array:
        """Sum of the logarithms of the places' errors, for each copy or each index."""
        total: Array = np.zeros(())
        for k, (move, _, _) in enumerate(self.pairs):
            total = total + self.weights[move.tensor] * _logs(
                self.error(k, element), self.floor[move.tensor])
        whole = [m for m in self.group.moves if m.form == "+Tc"]
        if whole or self.group.kind == "centred":
            total = total.sum()
        for move in whole:
            error = np.array(self.whole(move, element))
            total = total + self.weights[move.tensor] * _logs(error, self.floor[move.tensor])
        return np.asarray(total)

    def whole(self, move: Move, element: Element) -> float:
        """The relative error of a tensor that is shifted by a contraction."""
        assert move.source is not None and move.at is not None
        added = element.values.reshape(-1) @ contracted(self.here[move.source], move.at)
        here = self.here[move.tensor]
        return relative(here + move.weight * added.reshape(here.shape), self.there[move.tensor])

    def bonus(self, element: Element, k: int | None) -> Array:
        """Decades for an element that explains place k with more equations than unknowns.

        That is no accident: what does not follow there should have moved.
        """
        if k is None:
            return np.zeros(())
        if k == WHOLE:
            sure = any(
                self.whole(m, element) <= self.floor[m.tensor] for m in self.group.moves
                if m.form == "+Tc" and self.here[m.tensor].size > element.values.size)
            return np.asarray(3 * GAIN * sure)
        fits = self.error(k, element) <= self.floor[self.pairs[k][0].tensor]
        whole = self.group.kind == "centred" or any(m.form == "+Tc" for m in self.group.moves)
        return np.asarray((fits.all() if whole else fits) * 3 * GAIN)


def _norm(array: Array, axes: tuple[int, ...]) -> Array:
    found: Array = np.sqrt((array * array).sum(axes))
    return found


def _logs(error: Array, floor: float) -> Array:
    found: Array = np.log10(np.where(np.isfinite(error), np.minimum(error, 1e6), 1e6) + floor)
    return found


# -- proposals: an element, and the place that has more equations than it has unknowns -------------

Proposal = tuple[Element, int | None]
#: In place of its number: a tensor that is shifted by a contraction.
WHOLE = -1


def _moved(one: Array, two: Array) -> bool:
    return bool((one != two).any())


def _linear(view: _View) -> Iterator[Proposal]:
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


def _procrustes(view: _View) -> Iterator[Proposal]:
    """g in O(n): the nearest to what each place, and all together, correlate."""
    n = view.group.size
    ones = np.full((n, n), 1 / n)
    total = np.zeros((prod(view.group.copies), n, n))
    for k, (move, one, two) in enumerate(view.pairs):
        if not _moved(one, two):
            continue
        size = np.maximum((one * one).sum((1, 2), keepdims=True), TINY)
        correlation = np.swapaxes(two, 1, 2) @ one / size
        total += correlation
        if one.shape[1] >= n:
            yield Element(view.group.kind, _orthogonal(correlation, view.group.kind, ones)), k
    yield Element(view.group.kind, _orthogonal(total, view.group.kind, ones)), None


def _orthogonal(correlation: Array, kind: str, ones: Array) -> Array:
    if kind == "so1":
        centre = np.eye(len(ones)) - ones
        # the vector of ones is fixed: it outweighs all else
        size = np.abs(correlation).sum((1, 2), keepdims=True) + 1
        correlation = centre @ correlation @ centre + 1e3 * size * ones
    u, _, v = np.linalg.svd(correlation)
    found: Array = u @ v
    return found


def _complex(view: _View) -> Iterator[Proposal]:
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
            yield _plane(top), k if one.shape[1] > 1 else None
    yield _plane(sum(tops) / np.maximum(sum(bottoms), TINY)), None


def _plane(z: Array) -> Element:
    a, b = z.real, z.imag
    tiny = abs(z) < 1e-12
    a, b = np.where(tiny, 1.0, a), np.where(tiny, 0.0, b)
    return Element("complex", np.stack([np.stack([a, -b], -1), np.stack([b, a], -1)], -2))


def _ratios(view: _View) -> Iterator[Proposal]:
    """s of each index, from each place."""
    found = []
    for k, (move, one, two) in enumerate(view.pairs):
        if not _moved(one, two):
            continue
        one, two = one + move.offset, two + move.offset
        ratio = (one * two).sum(1) / np.maximum((one * one).sum(1), TINY)
        with np.errstate(all="ignore"):
            s = np.sign(ratio) * abs(ratio) ** (1 / move.weight)
        s = np.where(np.isfinite(s) & (s != 0), s, 1.0)
        if move.weight % 2 != 1 or view.group.positive:
            s = abs(s)
        found.append(s)
        yield Element("diagonal", s), k if one.shape[1] > 1 else None
    if len(found) > 1:
        logs = np.exp(np.mean([np.log(abs(s)) for s in found], 0))
        yield Element("diagonal", logs), None


def _shifts(view: _View) -> Iterator[Proposal]:
    """c from each place that it is added to, and from what is contracted with it."""
    group = view.group
    shape = (prod(group.copies), group.size)
    for k, (move, one, two) in enumerate(view.pairs):
        if _moved(one, two):
            c = (two - one).mean(1) / move.weight
            yield Element(group.kind, c), k if one.shape[1] > 1 else None
    systems, values = [], []
    for move in group.moves:
        if move.form != "+Tc":
            continue
        assert move.source is not None and move.at is not None
        matrix = contracted(view.here[move.source], move.at).T * move.weight
        change = (view.there[move.tensor] - view.here[move.tensor]).reshape(-1)
        if not change.any():
            continue
        c = _solved(matrix, change)
        yield Element(group.kind, c.reshape(shape)), WHOLE
        systems.append(matrix)
        values.append(change)
    if len(systems) > 1:
        c = _solved(np.concatenate(systems), np.concatenate(values))
        yield Element(group.kind, c.reshape(shape)), WHOLE


def _solved(matrix: Array, change: Array) -> Array:
    """The least c with matrix c = change, from as many equations as determine it twice."""
    rows, unknowns = matrix.shape
    if rows > 2 * unknowns + FEW:
        some = np.linspace(0, rows - 1, 2 * unknowns + FEW).astype(int)
        matrix, change = matrix[some], change[some]
    found: Array = lstsq(
        matrix.astype(np.float64), change.astype(np.float64), cond=1e-10, lapack_driver="gelsy")[0]
    return found


def _lines(view: _View) -> Iterator[Proposal]:
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
        yield Element("centred", u), k if one.shape[1] > 1 else None


def _assignments(view: _View) -> Iterator[Proposal]:
    """Orders of the indices: each place's own, up to what else may act along it."""
    seen = set()
    for near in view.nears:
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
        yield Element("permutation", _signs(view, order), order), None


def _nearness(view: _View, k: int) -> Array | None:
    """How well index i of BEFORE goes for index j of AFTER at one place, at most 1.

    None where any index goes for any other.
    """
    move = view.pairs[k][0]
    assert move.at is not None
    kind, along = view.group.modulo.get(k, ("", 0))
    one, two = (_indexed(s[move.tensor], move) for s in (view.here, view.there))
    if kind not in ("", "diagonal"):
        return _same_spans(one, two, move, along)
    one, two = (a.reshape(len(a), -1) for a in (one, two))
    if one.shape[1] > SAMPLE:
        some = np.linspace(0, one.shape[1] - 1, SAMPLE).astype(int)
        one, two = one[:, some], two[:, some]
    if k in view.group.shifted:
        if one.shape[1] < 3:
            return None
        one, two = (a - a.mean(1, keepdims=True) for a in (one, two))
    squares = (one * one).sum(1)[:, None], (two * two).sum(1)[None]
    product = one @ two.T
    with np.errstate(all="ignore"):
        if kind == "diagonal":
            if one.shape[1] < 2:
                return None
            found: Array = product ** 2 / (squares[0] * squares[1])
        else:
            found = 1 - np.minimum(
                squares[0] + squares[1] - 2 * abs(product), squares[0] + squares[1],
            ) / np.maximum(np.maximum(*squares), TINY)
    return np.nan_to_num(found)


def _indexed(array: Array, move: Move) -> Array:
    """The place with the permuted index first, then its axis's other factors, then the rest."""
    assert move.at is not None
    view = block(array, move.at)
    here = move.at.axis + move.at.along
    factors = [move.at.axis + j for j in range(len(move.at.sizes)) if j != move.at.along]
    rest = [k for k in range(view.ndim) if k != here and k not in factors]
    found: Array = view.transpose([here, *factors, *rest]).astype(np.float64)
    return found


def _same_spans(one: Array, two: Array, move: Move, along: int) -> Array | None:
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
    if left.shape[2] >= left.shape[3]:
        return None
    basis = np.linalg.qr(np.swapaxes(left, -1, -2))[0]  # (i, others, rest, d)
    n = len(left)
    near = np.empty((n, n))
    size = np.maximum((right * right).sum((1, 2, 3)), TINY)
    for i in range(n):
        inside = right @ basis[i]
        near[i] = (inside * inside).sum((1, 2, 3)) / size
    return near


def _signs(view: _View, order: Array) -> Array:
    """The sign of each index, where no family acts along it."""
    votes = np.zeros(len(order))
    for move, _, _ in view.pairs if not view.group.modulo else ():
        one, two = (_indexed(s[move.tensor], move) for s in (view.here, view.there))
        one, two = (a.reshape(len(a), -1) for a in (one[order], two))
        size = np.sqrt((one * one).sum(1) * (two * two).sum(1))
        votes += (one * two).sum(1) / np.maximum(size, TINY)
    return np.where(votes < 0, -1.0, 1.0)


def _best_permutation(view: _View, proposals: Sequence[Proposal]) -> Element | None:
    """The order with the smallest errors up to what else acts along it.

    None where it is the one that is there, and where it makes no place exact: a few indices can
    always be put into some order that is a little better.
    """
    n = view.group.size

    def errors(order: Array) -> list[tuple[float, float]]:
        return [
            (np.sqrt(max(float(1 - near[order, np.arange(n)].mean()), 0.0)),
             max(view.floor[view.pairs[k][0].tensor], 1e-7))
            for k, near in enumerate(view.nears) if near is not None]

    def score(order: Array) -> float:
        return sum(float(np.log10(error + floor)) for error, floor in errors(order))

    still = np.arange(n)
    best, _ = min(proposals, key=lambda p: score(p[0].order))  # type: ignore[arg-type]
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


_PROPOSALS: Mapping[str, Callable[[_View], Iterator[Proposal]]] = {
    "gl": _linear, "so": _procrustes, "so1": _procrustes, "complex": _complex,
    "centred": _lines, "diagonal": _ratios, "translation": _shifts, "permutation": _assignments,
}
