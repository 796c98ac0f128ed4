"""Bad input: noise is added at every call."""

import torch
from torch import Tensor


class Noisy(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(x)
        return y + torch.randn_like(y)


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return Noisy(), (torch.ones(1, 3),)
