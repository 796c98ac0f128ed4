"""Layers of single-head self-attention in series: X -> A(X) X V^T, A = softmax(X Q^T K X^T).

No skip, no mask, no bias, no position; Q, K: (head_dim, width), V: (width, width); `lightning`
leaves the normaliser out, A = X Q^T K X^T.
"""

import torch
from torch import Tensor


class SerialAttention(torch.nn.Module):
    """X -> normaliser(X Q^T K X^T) X V^T, `layers` times; X: (tokens, width)."""

    def __init__(self, layers: int, width: int, head_dim: int, lightning: bool) -> None:
        super().__init__()
        self.query = torch.nn.ParameterList(torch.randn(head_dim, width) for _ in range(layers))
        self.key = torch.nn.ParameterList(torch.randn(head_dim, width) for _ in range(layers))
        self.value = torch.nn.ParameterList(torch.randn(width, width) for _ in range(layers))
        self.lightning = lightning

    def forward(self, x: Tensor) -> Tensor:
        for query, key, value in zip(self.query, self.key, self.value, strict=True):
            scores = (x @ query.T) @ (x @ key.T).T
            weights = scores if self.lightning else torch.softmax(scores, dim=-1)
            x = weights @ (x @ value.T)
        return x


def factory(
    layers: int = 1, width: int = 3, head_dim: int = 2, tokens: int = 3, lightning: bool = False
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The network, and one sequence of shape (tokens, width)."""
    torch.manual_seed(0)
    return SerialAttention(layers, width, head_dim, lightning), (torch.randn(tokens, width),)
