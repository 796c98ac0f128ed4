"""Buffers that a checkpoint holds, as running statistics, among what moves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import torch
from torch.utils import _pytree as pytree

from symgauge.capture.skeleton import memories


def statistics_of(module: torch.nn.Module) -> list[str]:
    """The buffers that a checkpoint holds, by name.

    One whose memory has another name too, as buffer, parameter or attribute, is none of them:
    under the other name it would not move.
    """
    held = Counter[int]()
    for part in module.modules():
        for x in pytree.tree_leaves(dict(vars(part))):
            if isinstance(x, torch.Tensor):
                held.update(memories(x))
    return [
        name for name, value in saved_buffers(module)
        if all(held[m] <= 1 for m in memories(value))]


def free(module: torch.nn.Module, names: Iterable[str]) -> None:
    """Make parameters of buffers."""
    for name in names:
        owner, _, last = name.rpartition(".")
        part = module.get_submodule(owner)
        value = part._buffers.pop(last)
        assert value is not None
        part.register_parameter(last, torch.nn.Parameter(value))


def saved_buffers(module: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    """The buffers with an axis, and their names, that hold floats and are in a checkpoint."""
    saved = set(module.state_dict())
    return [(name, value) for name, value in module.named_buffers()
            if name in saved and value.is_floating_point() and value.ndim]


def free_statistics(module: torch.nn.Module) -> list[str]:
    """Make parameters of the buffers that a checkpoint holds; their names."""
    names = statistics_of(module)
    free(module, names)
    return names
