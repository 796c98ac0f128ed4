"""A module that was built without its weights, filled with those of a checkpoint."""

from __future__ import annotations

import torch
from torch import Tensor

from symgauge.weights.checkpoint import Checkpoint


def fill(module: torch.nn.Module, weights: Checkpoint) -> bool:
    """Give the module's parameters on the meta device the values of a checkpoint, as stored.

    Whether nothing is left there: where a buffer or another tensor of the module has no values, or
    the checkpoint lacks a parameter, the module is of no use.
    """
    made: dict[int, torch.nn.Parameter] = {}
    named = list(module.named_parameters(remove_duplicate=False))
    for name, old in named:
        if old.is_meta and id(old) not in made and name in weights.shapes and (
                weights.dtypes[name].is_floating_point):
            made[id(old)] = torch.nn.Parameter(weights.tensor(name), requires_grad=False)
    for name, old in named:
        if id(old) in made:
            owner, _, last = name.rpartition(".")
            module.get_submodule(owner)._parameters[last] = made[id(old)]
    return not any(
        isinstance(x, Tensor) and x.is_meta for part in module.modules()
        for x in (*part._parameters.values(), *part._buffers.values(), *vars(part).values()))
