"""Entries of a tensor held at values, as a parametrisation of torch: the others are the parameter.

What is trained and stored are the free entries, in one row; gradients of the fixed ones do not
exist. `torch.nn.utils.parametrize.remove_parametrizations` gives the whole tensor back.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from symgauge.errors import BadInputError
from symgauge.weights.moving import Settled


class Pinned(nn.Module):
    """A tensor of this shape from its free entries (n,): the fixed ones have their values."""

    free: Tensor
    template: Tensor

    def __init__(self, like: Tensor, fixed: Tensor, values: Tensor) -> None:
        super().__init__()
        self.shape = like.shape
        free = torch.ones(like.numel(), dtype=torch.bool, device=like.device)
        free[fixed.to(like.device)] = False
        template = torch.zeros(like.numel(), dtype=like.dtype, device=like.device)
        template[fixed.to(like.device)] = values.to(like)
        self.register_buffer("free", free.nonzero()[:, 0])
        self.register_buffer("template", template)

    def forward(self, entries: Tensor) -> Tensor:
        """The whole tensor."""
        if entries.shape == self.shape:
            # another name of a tied tensor, whose parametrisation was removed already
            return entries
        found: Tensor = self.template.index_put((self.free,), entries)
        return found.reshape(self.shape)

    def right_inverse(self, tensor: Tensor) -> Tensor:
        """The free entries."""
        return tensor.reshape(-1)[self.free]


def pin(module: nn.Module, settled: Settled) -> None:
    """Hold entries of a module's parameters at values, under every name of a tied tensor.

    Raises BadInputError where there is no such parameter.
    """
    names: dict[int, list[str]] = {}
    tensors = dict(module.named_parameters(remove_duplicate=False))
    for name, tensor in tensors.items():
        names.setdefault(id(tensor), []).append(name)
    for name in settled:
        if name not in tensors:
            raise BadInputError(f"the module has no parameter named {name!r}")
    for name, (fixed, values) in settled.items():
        if not len(fixed):
            continue
        tensor, first = tensors[name], None
        whole = tensor.detach().clone()
        pinned = Pinned(whole, torch.as_tensor(fixed), torch.as_tensor(values))
        for alias in names[id(tensor)]:
            owner_name, _, own = alias.rpartition(".")
            owner = module.get_submodule(owner_name)
            if first is not None:
                # the parameter itself has the free entries alone by now
                setattr(owner, own, nn.Parameter(whole, tensor.requires_grad))
            parametrize.register_parametrization(owner, own, pinned)
            parametrizations: Any = owner.parametrizations
            if first is None:
                first = parametrizations[own]
            # one tensor stays one
            parametrizations[own] = first
