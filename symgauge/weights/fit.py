"""The element that carries one set of weights to another, from the tensors themselves.

Group by group, in turn, until nothing more is explained. Each place where a group acts proposes an
element (least squares, Procrustes, ratios, an assignment); the one that explains most places
is taken, for each copy on its own. One spoilt tensor is then outvoted, and what the element says
that it must be stands beside it. What counts is the product of the places' errors: an element that
makes one tensor exact beats one that makes all a little better.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np

from symgauge.weights.action import (
    Array, Element, State, apply, composed, identity, onto_slices, relative, touched,
)
from symgauge.weights.orders import order_of
from symgauge.weights.proposals import Proposal, proposals
from symgauge.weights.statement import Group
from symgauge.weights.view import GAIN, WHOLE, View

ROUNDS = 12


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
    states = _seen(group, found)
    if states is None:
        return None
    view = View(group, *states, found.tolerance, weights, rng)
    if group.kind is None:
        order = order_of(view)
        return None if order is None else (order, 0.0)
    offers = list(proposals(group.kind, view))
    return _best(view, offers, first) if offers else None


def _seen(group: Group, found: Fit) -> tuple[State, State] | None:
    """The state and AFTER as a group sees them: on the state's slices. None where it is on none."""
    slices = group.near or group.via
    names = touched(replace(group, via=slices))
    if not set(names) <= set(found.state):
        return None
    here: State = {n: found.state[n] for n in names}
    there: State = {n: found.after[n] for n in names}
    if slices:
        here, there = ({n: a.copy() for n, a in s.items()} for s in (here, there))
        own = onto_slices(here, slices)
        if own is None:
            return None
        onto_slices(there, slices, own)
    return here, there


def _best(view: View, offers: Sequence[Proposal], first: bool) -> tuple[Element, float] | None:
    """Of what is proposed, for each copy or index the best; None where to stay is better."""
    group = view.group
    still = identity(group)
    scores = [view.score(e) - view.bonus(e, k) for e, k in offers]
    # at first, what stays as it was speaks for nothing: it may have been forgotten
    kept = 0 if first else reduce(np.maximum, [view.bonus(still, k) for _, k in offers])
    table = np.array([view.score(still) - GAIN - kept, *scores])
    best = table.argmin(0)
    if not best.any():
        return None
    values = np.stack([still.values, *(e.values for e, _ in offers)])
    if best.shape == still.values.shape:  # an index of its own each
        chosen = np.take_along_axis(values, best[None], 0)[0]
    else:
        chosen = values[best, np.arange(len(best))] if best.ndim else values[best]
    coarse = max(view.floor.values())
    exact = [coarse if k is None or k == WHOLE else view.floor[view.pairs[k][0].parameter]
             for _, k in offers]
    return Element(group.kind, chosen), max(exact[b - 1] for b in set(best.flat) if b)


# -- in a record -----------------------------------------------------------------------------------


def is_negative(element: Element) -> bool:
    """Whether a scaling, which is proved for positive numbers, has others."""
    return element.kind is not None and element.kind.is_scaling and bool((element.values < 0).any())


def _entry(group: Group) -> dict[str, Any]:
    return {"label": group.label, "tensors": list(group.tensors)}


def families_of(groups: Sequence[Group], found: Fit) -> list[dict[str, Any]]:
    """The families that moved."""
    return [
        {**_entry(group), "kind": str(group.kind), "copies": list(group.copies),
         "size": group.size, "status": "proved" if group.proved else "checked",
         "element": element.values.tolist() if element.values.size <= 256 else None}
        for k, element in sorted(found.elements.items())
        for group in [groups[k]] if group.kind is not None]


def discrete_of(groups: Sequence[Group], found: Fit) -> list[dict[str, Any]]:
    """The permutations that moved, and the signs."""
    out = []
    for k, element in sorted(found.elements.items()):
        order, signs = element.order, np.sign(element.values)
        if order is not None or is_negative(element):
            out.append({
                **_entry(groups[k]), "status": "checked",
                "permutation": None if order is None else order.tolist(),
                "signs": signs.tolist() if (signs < 0).any() else None})
    return out
