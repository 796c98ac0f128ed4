"""Bad input: an operation that no rule covers, a factor of a matrix."""

import torch
from torch import Tensor


class Factor(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(torch.linalg.qr(x.T @ x)[0][:, :2])
        return y


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return Factor(), (torch.ones(1, 3),)
