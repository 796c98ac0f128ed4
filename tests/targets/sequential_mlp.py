"""An MLP from torch.nn.Sequential: Linear, ReLU, Linear, ReLU, Linear."""

import torch
from torch import Tensor


def factory(
    in_features: int = 3, hidden_features: int = 4, out_features: int = 2
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    module = torch.nn.Sequential(
        torch.nn.Linear(in_features, hidden_features),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden_features, hidden_features),
        torch.nn.ReLU(),
        torch.nn.Linear(hidden_features, out_features),
    )
    return module, (torch.randn(1, in_features, generator=torch.Generator().manual_seed(0)),)


FULL = {"in_features": 784, "hidden_features": 1024, "out_features": 10}
