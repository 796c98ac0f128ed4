"""Bad input: NaN in the example."""

import torch
from torch import Tensor


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return torch.nn.Linear(3, 2), (torch.tensor([[1.0, float("nan"), 2.0]]),)
