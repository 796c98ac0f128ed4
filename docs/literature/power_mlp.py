"""Polynomial networks W_L p(... p(W_1 x)): p(z) = z^k entry by entry, no bias."""

import torch
from torch import Tensor


class PowerMLP(torch.nn.Module):
    """x -> W_L (... (W_1 x)^k_1 ...); widths (d_0, ..., d_L), one power for each hidden layer."""

    def __init__(self, widths: tuple[int, ...], powers: tuple[int, ...]) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(
            torch.randn(out, wide) for wide, out in zip(widths, widths[1:], strict=False))
        self.powers = powers

    def forward(self, x: Tensor) -> Tensor:
        for weight, power in zip(self.weights, self.powers, strict=False):
            x = (x @ weight.T) ** power
        return x @ self.weights[-1].T


def factory(
    widths: tuple[int, ...] = (3, 4, 4), powers: tuple[int, ...] = (2,)
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The network, and one input of shape (1, d_0); one power stands for all hidden layers."""
    torch.manual_seed(0)
    hidden = len(widths) - 2
    chosen = tuple(powers) * hidden if len(powers) == 1 else tuple(powers)
    if len(chosen) != hidden:
        raise ValueError(f"{hidden} hidden layers have {len(chosen)} powers")
    return PowerMLP(tuple(widths), chosen), (torch.randn(1, widths[0]),)
