"""Bad input: an integer parameter beside a real one."""

import torch
from torch import Tensor


class IntegerParameter(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 3))
        counts = torch.ones(2, dtype=torch.int64)
        self.counts = torch.nn.Parameter(counts, requires_grad=False)

    def forward(self, x: Tensor) -> Tensor:
        return (x @ self.weight.T) * self.counts


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return IntegerParameter(), (torch.ones(1, 3),)
