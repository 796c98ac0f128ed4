"""Bad input: a Python branch on the value of a tensor."""

import torch
from torch import Tensor


class DataDependent(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y if y.sum() > 0 else -y


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return DataDependent(), (torch.ones(1, 3),)
