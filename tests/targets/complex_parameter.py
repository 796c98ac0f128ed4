"""Bad input: a complex parameter."""

import torch
from torch import Tensor


class ComplexParameter(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(2, 3, dtype=torch.complex64))

    def forward(self, x: Tensor) -> Tensor:
        return (x.to(torch.complex64) @ self.weight.T).real


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return ComplexParameter(), (torch.ones(1, 3),)
