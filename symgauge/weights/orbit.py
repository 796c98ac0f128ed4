"""Random elements of the groups, to move a state along its orbit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from symgauge.checks.actions import NumpyNumbers
from symgauge.checks.runtime import elements
from symgauge.plain import PlainElement
from symgauge.weights.action import apply, touched
from symgauge.weights.statement import Group


def random_element(group: Group, rng: np.random.Generator) -> elements.Element:
    """An element of a family, clear of the identity, with a condition number of at most 2."""
    assert group.kind is not None
    # a sum is at most n^1/2 times the norm
    unit = group.size ** -0.5 if group.kind.fixes_sums_of_0 else 1.0
    element: PlainElement = {
        "kind": group.kind.name, "parts": list(group.kind.parts), "copies": list(group.copies),
        "size": group.size}
    return elements.random_element(element, unit, NumpyNumbers(rng))


def moved_by_each(
    groups: Sequence[Group], state: Mapping[str, Tensor], seed: int
) -> Iterator[tuple[Group, dict[str, Tensor]]]:
    """The state, in float64, moved by a random element of each family alone."""
    rng = np.random.default_rng(seed)
    for group in groups:
        names = touched(group)
        part = {n: state[n].detach().double().numpy() for n in names}
        apply(part, group, random_element(group, rng))
        yield group, {
            n: torch.as_tensor(part[n]) if n in part else t for n, t in state.items()}
