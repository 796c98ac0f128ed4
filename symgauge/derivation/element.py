"""Finite elements of the derived group, on weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgauge.checks import actions


@dataclass(frozen=True)
class GroupElement:
    """A finite element of the derived group. It acts on state dicts and leaves f unchanged."""

    families: tuple[Mapping[str, Any], ...]
    element: Any

    def apply(self, state: Mapping[str, Any]) -> dict[str, Any]:
        """A new state dict with the parameters moved; arrays and tensors keep type and dtype."""
        arrays = {name: to_numpy(value) for name, value in state.items()}
        moved = actions.apply(self.families, self.element, arrays)
        return {name: _like(state[name], moved[name]) for name in state}

    def inverse(self) -> GroupElement:
        """The inverse element."""
        return GroupElement(self.families, actions.inverse(self.element))


def to_numpy(value: Any) -> np.ndarray:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
        # numpy has no bfloat16
        value = value.double() if value.is_floating_point() else value
        return np.asarray(value.numpy())
    return np.asarray(value)


def _like(value: Any, array: np.ndarray) -> Any:
    if hasattr(value, "new_tensor"):
        return value.new_tensor(array) if value.is_floating_point() else value
    return array.astype(np.asarray(value).dtype)
