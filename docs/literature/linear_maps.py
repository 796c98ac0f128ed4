"""Products of matrices x -> W_L ... W_1 x, and single-channel convolutions in series."""

import torch
from torch import Tensor


class LinearMaps(torch.nn.Module):
    """x -> W_L ... W_1 x, widths (d_0, ..., d_L)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(
            torch.randn(out, wide) for wide, out in zip(widths, widths[1:], strict=False))

    def forward(self, x: Tensor) -> Tensor:
        for weight in self.weights:
            x = x @ weight.T
        return x


class LinearConvolutions(torch.nn.Module):
    """Filters one after the other along one axis, stride 1, no padding, no bias."""

    def __init__(self, filters: tuple[int, ...]) -> None:
        super().__init__()
        self.filters = torch.nn.ParameterList(torch.randn(1, 1, size) for size in filters)

    def forward(self, x: Tensor) -> Tensor:
        for one in self.filters:
            x = torch.nn.functional.conv1d(x, one)
        return x


def factory(widths: tuple[int, ...] = (4, 3, 2, 4)) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The product of matrices, and one input of shape (1, d_0)."""
    torch.manual_seed(0)
    return LinearMaps(tuple(widths)), (torch.randn(1, widths[0]),)


def convolutions(filters: tuple[int, ...] = (3, 2)) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The convolutions, and one signal of shape (1, 1, n) with 3 entries of output."""
    torch.manual_seed(0)
    return LinearConvolutions(tuple(filters)), (torch.randn(1, 1, sum(filters) - len(filters) + 3),)
