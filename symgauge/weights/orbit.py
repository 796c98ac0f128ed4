"""Random elements of the groups, to move a state along its orbit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import prod

import numpy as np
import torch
from torch import Tensor

from symgauge.weights.action import Element, apply, touched
from symgauge.weights.statement import Group


def random_element(group: Group, rng: np.random.Generator) -> Element:
    """An element clear of the identity, with a condition number of a few."""
    copies, n = prod(group.copies), group.size
    if group.kind == "permutation":
        return Element(group.kind, np.ones(n), rng.permutation(n))
    if group.kind in ("diagonal", "translation"):
        c = rng.uniform(0.25, 0.75, (copies, n)) * rng.choice([-1.0, 1.0], (copies, n))
        return Element(group.kind, np.exp(c) if group.kind == "diagonal" else c)
    if group.kind == "centred":
        return Element(group.kind, rng.uniform(0.25, 0.5, (copies, n)) / n)
    if group.kind == "complex":
        z = rng.uniform(0.5, 1.5, copies) * np.exp(1j * rng.uniform(0.5, 2.5, copies))
        a, b = z.real, z.imag
        return Element(group.kind, np.stack([np.stack([a, -b], -1), np.stack([b, a], -1)], -2))
    q = np.stack([_rotation(n, group.kind == "so1", rng) for _ in range(copies)])
    if group.kind == "gl":
        q = q * np.exp(rng.uniform(-0.5, 0.5, (copies, 1, n)))
    return Element(group.kind, q)


def _rotation(n: int, fixes_ones: bool, rng: np.random.Generator) -> np.ndarray:
    if not fixes_ones:
        return np.linalg.qr(rng.standard_normal((n, n)))[0]
    frame = np.linalg.qr(np.column_stack([np.ones(n), rng.standard_normal((n, n - 1))]))[0]
    inner = np.eye(n)
    inner[1:, 1:] = _rotation(n - 1, False, rng)
    found: np.ndarray = frame @ inner @ frame.T
    return found


def moved_by_each(
    groups: Sequence[Group], state: Mapping[str, Tensor], seed: int
) -> Iterator[tuple[Group, dict[str, Tensor]]]:
    """The state, in float64, moved by a random element of each group alone."""
    rng = np.random.default_rng(seed)
    for group in groups:
        names = touched(group)
        part = {n: state[n].detach().double().numpy() for n in names}
        apply(part, group, random_element(group, rng))
        yield group, {
            n: torch.as_tensor(part[n]) if n in part else t for n, t in state.items()}
