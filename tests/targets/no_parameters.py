"""Bad input: a module without parameters."""

import torch
from torch import Tensor


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return torch.nn.Tanh(), (torch.ones(1, 3),)
