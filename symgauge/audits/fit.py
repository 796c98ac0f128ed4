"""The element that carries one set of weights to another, from the tensors themselves.

Group by group, in turn, until nothing more is explained. Each place where a group acts proposes an
element (least squares, Procrustes, ratios, an assignment); the one that explains most places
is taken, for each copy on its own. One spoilt tensor is then outvoted, and what the element says
that it must be stands beside it. What counts is the product of the places' errors: an element that
makes one tensor exact beats one that makes all a little better.
"""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import Any

import numpy as np

from symgauge.weights.action import (
    Array, Element, State, apply, composed, identity, onto_slices, touched,
)
from symgauge.audits.growth import grow, off, sizes_of
from symgauge.audits.orders import order_of
from symgauge.audits.products import Product, products
from symgauge.weights.proposals import Proposal, proposals
from symgauge.weights.spilled import changeable
from symgauge.weights.statement import Group
from symgauge.weights.view import GAIN, WHOLE, View

ROUNDS = 12


@dataclass
class Fit:
    """The state that the elements reach from BEFORE, and the relative error of each tensor."""

    before: Mapping[str, Array]
    state: MutableMapping[str, Array]
    after: MutableMapping[str, Array]
    tolerance: Mapping[str, float]
    elements: dict[int, Element] = field(default_factory=dict)
    #: For each element the tolerance of the tensor that it was read from.
    precision: dict[int, float] = field(default_factory=dict)
    errors: dict[str, float] = field(default_factory=dict)
    #: The same of the worst entry of a vector, row or column of a matrix.
    worst: dict[str, float] = field(default_factory=dict)
    #: What the entries of vectors have been added up from.
    sizes: dict[str, Array] = field(default_factory=dict)
    #: Below it a tensor's numbers are equally spaced.
    tiny: Mapping[str, float] = field(default_factory=dict)
    #: The elements in the order in which they were found.
    steps: list[tuple[int, Element, float]] = field(default_factory=list)

    @property
    def unexplained(self) -> list[str]:
        """Tensors of which the elements do not carry every entry or row to AFTER."""
        return [n for n, e in self.worst.items() if not e <= self.tolerance[n]]

    def measure(self, names: Sequence[str]) -> None:
        """Look again at these tensors."""
        for name in names:
            self.errors[name], self.worst[name] = off(
                self.state[name], self.after[name], self.sizes.get(name), self.tiny[name])

    def leave_integers(self, name: str, before: Array, after: Array) -> None:
        """A tensor that no element moves."""
        self.state[name], self.after[name] = before, after
        self.errors[name] = self.worst[name] = 1.0
        self.tolerance = {**self.tolerance, name: 0.0}

    def step(self, k: int, group: Group, element: Element, precision: float) -> None:
        """Take an element of a group."""
        grow(self.sizes, self.state, group, element)
        apply(self.state, group, element)
        old = self.elements.get(k)
        self.elements[k] = element if old is None else composed(old, element)
        self.precision[k] = max(precision, self.precision.get(k, 0.0))
        self.steps.append((k, element, precision))
        self.measure(touched(group))


def fit(
    groups: Sequence[Group], before: Mapping[str, Array], after: Mapping[str, Array],
    tolerance: Mapping[str, float], tiny: Mapping[str, float],
) -> Fit:
    """Elements of these groups that carry as many tensors as possible from BEFORE to AFTER."""
    found = Fit(
        before, changeable(before), changeable(after), tolerance, sizes=sizes_of(before), tiny=tiny)
    found.measure(list(before))
    rng = np.random.default_rng(0)
    tried = [(p, _weights(p, groups)) for p in products(groups)]
    for _ in range(ROUNDS):
        moved = False
        for product, weights in tried:
            wrong = set(found.unexplained)
            if not wrong & set(product.group.tensors):
                continue
            first = all(k not in found.elements for k, _ in product.powers)
            step = _step(product.group, found, weights, first, rng)
            if step is None:
                continue
            for k, element in product.split(step[0]):
                found.step(k, groups[k], element, step[1])
            moved = True
        if not moved:
            break
    found.tolerance = {
        n: max([own, *(p for k, p in found.precision.items() if n in groups[k].tensors)])
        for n, own in tolerance.items()}
    return found


def _weights(product: Product, groups: Sequence[Group]) -> dict[str, float]:
    """How much each tensor's error counts for a group: less, the more other families move it."""
    own = dict(product.powers)
    others = [set(g.tensors) for j, g in enumerate(groups) if j not in own and g.proved]
    return {n: (1 + sum(n in o for o in others)) ** -0.5 for n in product.group.tensors}


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


# -- how sure it is --------------------------------------------------------------------------------


def shaken(
    groups: Sequence[Group], found: Fit, units: Mapping[float, float]
) -> Mapping[str, Array]:
    """Where BEFORE goes by elements that are off as far as rounding lets them be.

    `units` are the roundings that go with the tolerances of what elements were read from.
    """
    state, rng = changeable(found.before), np.random.default_rng(2)
    state.update({n: found.state[n] for n in found.state if n not in found.before})
    for k, element, precision in found.steps:
        unit = max((u for t, u in units.items() if t <= precision), default=0.0)
        apply(state, groups[k], _off(groups[k], element, unit, found, rng))
    return state


def _off(
    group: Group, element: Element, unit: float, found: Fit, rng: np.random.Generator
) -> Element:
    kind, values = element.kind, element.values
    noise = unit * rng.normal(size=values.shape)
    if kind is None:
        return element
    if kind.is_shift:  # read off numbers that may be larger than it is
        read = [float(abs(found.after[m.parameter]).max()) for m in group.moves if m.form == "+c"]
        return replace(element, values=values + noise * max([*read, float(abs(values).max())]))
    if kind.is_vector or kind.fixes_sums_of_0:
        return replace(element, values=values * (1 + noise))
    if kind.orthogonal:
        noise = noise - np.swapaxes(noise, 1, 2)
    if kind.fixes_ones:
        noise = noise - noise.mean(1, keepdims=True)
        noise = noise - noise.mean(2, keepdims=True)
    return replace(element, values=values + values @ noise / group.size ** 0.5)


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
