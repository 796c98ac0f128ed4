"""Decoder block: x + Attn(RMSNorm(x)), then x + W_down (silu(W_gate y) * W_up y), y = RMSNorm(x).

Attention is causal and grouped, with rotary, ALiBi or no positions. The real stream goes in and
comes out, so that it cannot be turned. Gains move into the maps that read them; the heads keep
what commutes with the positions (all of GL(d_k) under ALiBi); each gated unit scales up against
down.
"""

from typing import Any

import torch
from torch import Tensor

POSITIONS = ("rotary", "alibi", "none")


def rotate(x: Tensor, theta: float) -> Tensor:
    """Turn the pairs (j, j + d_k/2) of x, of shape (..., tokens, d_k), by t theta^(-2j/d_k)."""
    half = x.shape[-1] // 2
    positions = torch.arange(x.shape[-2], dtype=x.dtype, device=x.device)
    frequencies = [theta ** -(j / half) for j in range(half)]
    angles = positions[:, None] * torch.tensor(frequencies, dtype=x.dtype, device=x.device)
    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


def score_bias(num_heads: int, like: Tensor, alibi: bool) -> Tensor:
    """(num_heads, tokens, tokens): minus infinity ahead; behind, ALiBi's slope times distance."""
    tokens = like.shape[-2]
    positions = torch.arange(tokens, dtype=like.dtype, device=like.device)
    distance = positions[None, :] - positions[:, None]
    slopes = [2.0 ** (-8 * (h + 1) / num_heads) if alibi else 0.0 for h in range(num_heads)]
    bias = torch.tensor(slopes, dtype=like.dtype, device=like.device)[:, None, None] * distance
    return bias.masked_fill(distance > 0, -torch.inf)


class GroupedAttention(torch.nn.Module):
    """Causal attention, num_heads / num_kv_heads query heads to each key/value head."""

    def __init__(
        self,
        hidden_size: int,
        num_heads: int,
        num_kv_heads: int,
        head_dim: int,
        position: str,
        theta: float,
    ) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads, self.head_dim = num_heads, num_kv_heads, head_dim
        self.position, self.theta = position, theta
        self.q_proj = torch.nn.Linear(hidden_size, num_heads * head_dim, bias=False)
        self.k_proj = torch.nn.Linear(hidden_size, num_kv_heads * head_dim, bias=False)
        self.v_proj = torch.nn.Linear(hidden_size, num_kv_heads * head_dim, bias=False)
        self.o_proj = torch.nn.Linear(num_heads * head_dim, hidden_size, bias=False)

    def split_heads(self, x: Tensor, num_heads: int) -> Tensor:
        """(batch, tokens, num_heads * head_dim) -> (batch, num_heads, tokens, head_dim)."""
        return x.view(x.shape[0], x.shape[1], num_heads, self.head_dim).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q = self.split_heads(self.q_proj(x), self.num_heads)
        k = self.split_heads(self.k_proj(x), self.num_kv_heads)
        v = self.split_heads(self.v_proj(x), self.num_kv_heads)
        if self.position == "rotary":
            q, k = rotate(q, self.theta), rotate(k, self.theta)
        if self.num_kv_heads != self.num_heads:
            repeats = self.num_heads // self.num_kv_heads
            k = k.repeat_interleave(repeats, dim=1)
            v = v.repeat_interleave(repeats, dim=1)
        bias = score_bias(self.num_heads, q, self.position == "alibi")
        heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
        return self.o_proj(heads.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class GatedMLP(torch.nn.Module):
    """SwiGLU: W_down (silu(W_gate x) * W_up x)."""

    def __init__(self, hidden_size: int, intermediate_size: int) -> None:
        super().__init__()
        self.gate_proj = torch.nn.Linear(hidden_size, intermediate_size, bias=False)
        self.up_proj = torch.nn.Linear(hidden_size, intermediate_size, bias=False)
        self.down_proj = torch.nn.Linear(intermediate_size, hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.nn.functional.silu(self.gate_proj(x)) * self.up_proj(x)
        return self.down_proj(hidden)  # type: ignore[no-any-return]


class DecoderBlock(torch.nn.Module):
    """One layer of a causal decoder on inputs of shape (batch, tokens, hidden_size)."""

    def __init__(
        self, hidden_size: int, intermediate_size: int, eps: float, self_attn: GroupedAttention
    ) -> None:
        super().__init__()
        self.input_layernorm = torch.nn.RMSNorm(hidden_size, eps=eps)
        self.self_attn = self_attn
        self.post_attention_layernorm = torch.nn.RMSNorm(hidden_size, eps=eps)
        self.mlp = GatedMLP(hidden_size, intermediate_size)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]


def factory(
    hidden_size: int = 4,
    intermediate_size: int = 4,
    num_heads: int = 4,
    num_kv_heads: int = 2,
    head_dim: int = 4,
    tokens: int = 3,
    position: str = "rotary",
    theta: float = 10000.0,
    eps: float = 1e-5,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The block, and one input of shape (1, tokens, hidden_size)."""
    if num_heads % num_kv_heads:
        raise ValueError(f"{num_heads} heads are no multiple of {num_kv_heads} key/value heads")
    if position not in POSITIONS:
        raise ValueError(f"position {position!r} is none of {', '.join(POSITIONS)}")
    if position == "rotary" and head_dim % 2:
        raise ValueError(f"rotary positions turn pairs: head_dim {head_dim} is odd")
    attention = GroupedAttention(hidden_size, num_heads, num_kv_heads, head_dim, position, theta)
    x = torch.randn(1, tokens, hidden_size, generator=torch.Generator().manual_seed(0))
    return DecoderBlock(hidden_size, intermediate_size, eps, attention), (x,)


FULL: dict[str, Any] = {
    "hidden_size": 2048,
    "intermediate_size": 8192,
    "num_heads": 32,
    "num_kv_heads": 8,
    "head_dim": 64,
    "tokens": 64,
    "theta": 500000.0,
}

EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 248,
        "redundancy": 52,
        "algebra": "gl(4,R)^2 + gl(1,C)^4 + R^12",
        "orbit_dimension": 52,
    },
    {
        "sizes": {"position": "alibi"},
        "parameters": 248,
        "redundancy": 76,
        "algebra": "gl(4,R)^4 + R^12",
        "orbit_dimension": 76,
    },
    {
        "sizes": {"position": "none"},
        "parameters": 248,
        "redundancy": 76,
        "algebra": "gl(4,R)^4 + R^12",
        "orbit_dimension": 76,
    },
    {
        "sizes": {"num_heads": 2, "num_kv_heads": 1, "head_dim": 2, "tokens": 4},
        "parameters": 104,
        "redundancy": 18,
        "algebra": "gl(2,R) + gl(1,C) + R^12",
        "orbit_dimension": 18,
    },
    {
        "sizes": {"hidden_size": 6, "num_heads": 2},
        "parameters": 276,
        "redundancy": 56,
        "algebra": "gl(4,R)^2 + gl(1,C)^4 + R^16",
        "orbit_dimension": 56,
    },
]

REFERENCE = (
    "H. Touvron et al., LLaMA: Open and Efficient Foundation Language Models, arXiv:2302.13971 "
    "(2023); O. Press, N. A. Smith, M. Lewis, Train Short, Test Long (ALiBi), ICLR 2022; the full "
    "sizes are those of Llama 3.2 1B"
)
