"""Bad input: dropout that is active, the module being in train mode."""

import torch
from torch import Tensor


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    module = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Dropout(0.5)).train()
    return module, (torch.ones(1, 3),)
