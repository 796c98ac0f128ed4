"""Buffers that a checkpoint holds, as running statistics, among what moves."""

from __future__ import annotations

from collections import Counter

import torch
from torch.utils import _pytree as pytree

from symgauge.capture.captured import capture
from symgauge.capture.skeleton import build_without_weights, memories
from symgauge.capture.target import Target
from symgauge.program.network import Network


def free_statistics(module: torch.nn.Module) -> list[str]:
    """Make parameters of the buffers that a checkpoint holds; their names.

    One whose memory has another name too, as buffer, parameter or attribute, stays a constant:
    under the other name it would not move.
    """
    found, held = list[str](), Counter[int]()
    for part in module.modules():
        for x in pytree.tree_leaves(dict(vars(part))):
            if isinstance(x, torch.Tensor):
                held.update(memories(x))
    for name, value in saved_buffers(module):
        if any(held[m] > 1 for m in memories(value)):
            continue
        owner, _, last = name.rpartition(".")
        part = module.get_submodule(owner)
        del part._buffers[last]
        part.register_parameter(last, torch.nn.Parameter(value))
        found.append(name)
    return found


def saved_buffers(module: torch.nn.Module) -> list[tuple[str, torch.Tensor]]:
    """The buffers with an axis, and their names, that hold floats and are in a checkpoint."""
    saved = set(module.state_dict())
    return [(name, value) for name, value in module.named_buffers()
            if name in saved and value.is_floating_point() and value.ndim]


def with_statistics(
    target: Target, output: str | int | None, observable: str
) -> tuple[Network, list[str]] | None:
    """The program without weights, its running statistics among its parameters, and their names.

    None where it has no such buffers. Raises what `capture` raises.
    """
    module, args, kwargs = build_without_weights(target)
    names = free_statistics(module)
    if not names:
        return None
    with torch.no_grad():  # torch has no derivative by them
        found = capture(
            module, args, kwargs, output=output, observable=observable, meta=True, check=False)
    return found.network, names
