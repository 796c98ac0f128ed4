"""Random orders of indices that buffers have too, beside the elements of families."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from symgauge.checks.actions import Part, Parts
from symgauge.checks.runtime.elements import Array, Element, Matrix
from symgauge.families.family import Family
from symgauge.families.kinds.so import SO
from symgauge.families.statement import FullOrder
from symgauge.plain import PlainFamily
from symgauge.proof.finite_actions import no_action

#: Entries of the matrices of one order above which none is drawn.
MOST = 1 << 26


def reordered(
    families: Sequence[PlainFamily], parts: Parts, orders: Sequence[FullOrder],
    state: Mapping[str, Array], seed: int,
) -> tuple[tuple[PlainFamily, ...], Parts]:
    """The families and elements, and after them random orders that a state has all tensors of.

    Where a buffer is missing none is drawn. The state is at the small sizes, of which a record says
    it.
    """
    numbers = np.random.default_rng((seed, 1))
    every, drawn = list(families), list(parts)
    for order in orders:
        entry = _entry(order, state)
        if entry is None:
            continue
        drawn.append(Part(len(every), "small", _drawn(entry, numbers)))
        every.append(entry)
    return tuple(every), tuple(drawn)


def _entry(order: FullOrder, state: Mapping[str, Array]) -> PlainFamily | None:
    """The permutations as a group element has them; None where the state has other tensors."""
    names = [m.parameter for m in order.action]
    at = order.action[0].at
    if at is None or not all(name in state for name in names):
        return None
    assert isinstance(at.along, int)  # several factors stand in planted failures alone
    size = at.sizes[at.along]
    family = Family(SO, at.copies, size, order.action, ())  # a permutation sits as a rotation does
    shapes = {name: tuple(state[name].shape) for name in names}
    if np.prod((*at.copies, size, size)) > MOST or no_action(family, shapes) is not None:
        return None
    return {
        "element": {"kind": "permutation", "copies": list(at.copies), "size": size},
        "action": [m.plain() for m in order.action], "via": [], "label": order.label,
        "group": order.group}


def _drawn(entry: PlainFamily, numbers: np.random.Generator) -> Element:
    copies, n = entry["element"]["copies"], entry["element"]["size"]
    rows = np.argsort(numbers.random((*copies, n)), axis=-1)
    matrix = np.eye(n)[rows]
    return Element((Matrix(matrix, np.swapaxes(matrix, -1, -2)),))
