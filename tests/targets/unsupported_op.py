"""Bad input: an operation that no rule covers, the Fourier transform."""

import torch
from torch import Tensor


class Fourier(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(2, 2)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.linear(torch.fft.rfft(x).abs())
        return y


def factory() -> tuple[torch.nn.Module, tuple[Tensor]]:
    return Fourier(), (torch.ones(1, 3),)
