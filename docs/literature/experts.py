"""A softmax gate over linear experts: y = sum_i softmax(R x)_i E_i x."""

import torch
from torch import Tensor


class LinearExperts(torch.nn.Module):
    """x: (1, width) -> (1, out_features); R: (experts, width), E: (experts, out, width)."""

    def __init__(self, width: int, experts: int, out_features: int) -> None:
        super().__init__()
        self.router = torch.nn.Parameter(torch.randn(experts, width))
        self.experts = torch.nn.Parameter(torch.randn(experts, out_features, width))

    def forward(self, x: Tensor) -> Tensor:
        gates = torch.softmax(x @ self.router.T, dim=-1)
        return torch.einsum("be,eow,bw->bo", gates, self.experts, x)


def factory(
    width: int = 3, experts: int = 3, out_features: int = 2
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The mixture, and one input of shape (1, width)."""
    torch.manual_seed(0)
    return LinearExperts(width, experts, out_features), (torch.randn(1, width),)
