"""Random permutations and signs, each held against the function before it is taken."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from symgauge.derivation.element import GroupElement
from symgauge.errors import BadInputError
from symgauge.weights.action import Array
from symgauge.gauges.gauge import Walk
from symgauge.weights.statement import Group


def shuffled(walk: Walk, element: GroupElement, rng: np.random.Generator
             ) -> tuple[GroupElement, list[str]]:
    """The element, and after it random permutations and signs; these in words.

    Each leaves the outputs as they are at the weights of the walk: checked, not proved. What
    changes them is left out. Raises BadInputError where nothing is left.
    """
    said = []
    for group, signs, order in candidates(walk, rng):
        if walk.try_to(group, signs, order):
            what = "signs" if order is None or (order == np.arange(group.size)).all() else "order"
            said.append(f"{what} of the {group.size} indices of {', '.join(group.tensors)}")
    if not said:
        raise BadInputError("--discrete: no permutation and no sign leaves the outputs as they are")
    parts = tuple(
        replace(p, family=p.family + len(element.families)) for p in walk.element.parts)
    return GroupElement(
        (*element.families, *walk.families.plain), (*element.parts, *parts)), said


def candidates(
    walk: Walk, rng: np.random.Generator
) -> Iterator[tuple[Group, Array, Array | None]]:
    """For each index space an order and signs, for each scaling signs: never those that stay."""
    for group in walk.families.orders:
        still = np.arange(group.size)
        order = rng.permutation(group.size)
        yield group, np.ones(group.size), np.roll(order, 1) if (order == still).all() else order
        yield group, some_signs((group.size,), rng), still
    for group in walk.families.families:
        odd = any(m.weight.numerator % 2 for m in group.moves)
        if group.kind is not None and group.kind.is_scaling and odd and not group.via and all(
                m.form == "s^k" and m.weight.denominator == 1 for m in group.moves):
            yield group, some_signs((int(np.prod(group.copies, dtype=int)), group.size), rng), None


def some_signs(shape: tuple[int, ...], rng: np.random.Generator) -> Array:
    """Random signs, the first of them -1."""
    signs = rng.choice([-1.0, 1.0], shape)
    signs.flat[0] = -1
    return signs
