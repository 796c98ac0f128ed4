"""Multi-head attention without biases: plain, rotary, with groups of queries; in training."""

import torch
from torch import Tensor


def rotated(x: Tensor, frequencies: tuple[float, ...]) -> Tensor:
    """Rotary positions: entries (i, i + n/2) of token t turn by t * frequency_i; x: (..., t, n)."""
    t = torch.arange(x.shape[-2], dtype=x.dtype)
    angles = t[:, None] * torch.tensor(frequencies, dtype=x.dtype)
    cos, sin = angles.cos(), angles.sin()
    first, second = x.chunk(2, dim=-1)
    return torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1)


class Heads(torch.nn.Module):
    """sum_h softmax(q_h k_g(h)^T) v_g(h) W_O,h^T on X: (tokens, width), without biases."""

    def __init__(
        self, width: int, heads: int, groups: int, head_dim: int, value_dim: int, rotary: bool
    ) -> None:
        super().__init__()
        self.query = torch.nn.Parameter(torch.randn(heads * head_dim, width))
        self.key = torch.nn.Parameter(torch.randn(groups * head_dim, width))
        self.value = torch.nn.Parameter(torch.randn(groups * value_dim, width))
        self.out = torch.nn.Parameter(torch.randn(width, heads * value_dim))
        self.heads, self.groups = heads, groups
        self.frequencies = tuple(0.7**i for i in range(head_dim // 2)) if rotary else ()

    def split(self, y: Tensor, parts: int) -> Tensor:
        """(parts, tokens, y's width / parts)."""
        return y.view(y.shape[0], parts, -1).transpose(0, 1)

    def forward(self, x: Tensor) -> Tensor:
        q = self.split(x @ self.query.T, self.heads)
        k = self.split(x @ self.key.T, self.groups)
        v = self.split(x @ self.value.T, self.groups)
        if self.frequencies:
            q, k = rotated(q, self.frequencies), rotated(k, self.frequencies)
        shared = self.heads // self.groups
        k, v = k.repeat_interleave(shared, dim=0), v.repeat_interleave(shared, dim=0)
        mixed = torch.softmax(q @ k.transpose(-1, -2), dim=-1) @ v
        return mixed.transpose(0, 1).reshape(x.shape[0], -1) @ self.out.T


def factory(
    width: int = 4, heads: int = 2, groups: int = 2, head_dim: int = 2, value_dim: int = 2,
    tokens: int = 4, rotary: bool = False,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The heads, and one sequence of shape (tokens, width)."""
    torch.manual_seed(0)
    module = Heads(width, heads, groups, head_dim, value_dim, rotary)
    return module, (torch.randn(tokens, width),)
