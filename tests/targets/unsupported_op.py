"""Bad input: an operation that no rule covers, the exponential of a matrix."""

import torch
from torch import Tensor


class Exponential(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(torch.linalg.matrix_exp(x.T @ x)[:, :2])
        return y


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return Exponential(), (torch.ones(1, 3),)
