"""Rotary attention: Y = concat_h(softmax((R Q_h)(R K_h)^T / sqrt(d_k)) V_h) W_O^T + b_O.

R turns each pair of coordinates of a query or key at position t by the angle t w_j. Pairs are
(j, j + r/2) in the half-split layout, (2j, 2j + 1) interleaved, with r = rotary_dim; coordinates
from r on are not turned. Scores see only differences of positions, so per key/value head W_Q and
W_K keep what commutes with every turn: one complex number per pair, GL(m, C) on m pairs of equal
frequency, GL(n_0) on n_0 coordinates that are not turned; W_V -> m W_V, W_O -> W_O m^-1 as
without positions. The key bias is gauge on the coordinates that are not turned, and only there.
"""

from typing import Any

import torch
from torch import Tensor

LAYOUTS = ("half", "interleaved")


def rotate(x: Tensor, frequencies: list[float], layout: str) -> Tensor:
    """Turn the first 2 len(frequencies) coordinates of x, of shape (..., tokens, head_dim)."""
    rotary_dim = 2 * len(frequencies)
    turned, kept = x[..., :rotary_dim], x[..., rotary_dim:]
    positions = torch.arange(x.shape[-2], dtype=x.dtype, device=x.device)
    angles = positions[:, None] * torch.tensor(frequencies, dtype=x.dtype, device=x.device)
    cos, sin = angles.cos(), angles.sin()
    if layout == "half":
        first, second = turned.chunk(2, dim=-1)
    else:
        first, second = turned[..., 0::2], turned[..., 1::2]
    pair = first * cos - second * sin, first * sin + second * cos
    turned = torch.cat(pair, dim=-1) if layout == "half" else torch.stack(pair, dim=-1).flatten(-2)
    return torch.cat([turned, kept], dim=-1) if kept.shape[-1] else turned


class RotaryAttention(torch.nn.Module):
    """Self-attention with rotary positions on inputs of shape (batch, tokens, embed_dim)."""

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        num_kv_heads: int,
        head_dim: int,
        frequencies: list[float],
        layout: str,
        qkv_bias: bool,
        out_bias: bool,
        causal: bool,
    ) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads, self.head_dim = num_heads, num_kv_heads, head_dim
        self.frequencies, self.layout, self.causal = frequencies, layout, causal
        self.q_proj = torch.nn.Linear(embed_dim, num_heads * head_dim, bias=qkv_bias)
        self.k_proj = torch.nn.Linear(embed_dim, num_kv_heads * head_dim, bias=qkv_bias)
        self.v_proj = torch.nn.Linear(embed_dim, num_kv_heads * head_dim, bias=qkv_bias)
        self.o_proj = torch.nn.Linear(num_heads * head_dim, embed_dim, bias=out_bias)

    def split_heads(self, x: Tensor, num_heads: int) -> Tensor:
        """(batch, tokens, num_heads * head_dim) -> (batch, num_heads, tokens, head_dim)."""
        return x.view(x.shape[0], x.shape[1], num_heads, self.head_dim).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q = rotate(self.split_heads(self.q_proj(x), self.num_heads), self.frequencies, self.layout)
        k = rotate(
            self.split_heads(self.k_proj(x), self.num_kv_heads), self.frequencies, self.layout
        )
        v = self.split_heads(self.v_proj(x), self.num_kv_heads)
        if self.num_kv_heads != self.num_heads:
            repeats = self.num_heads // self.num_kv_heads
            k = k.repeat_interleave(repeats, dim=1)
            v = v.repeat_interleave(repeats, dim=1)
        heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=self.causal)
        return self.o_proj(heads.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


def factory(
    embed_dim: int = 4,
    num_heads: int = 4,
    num_kv_heads: int = 2,
    head_dim: int = 4,
    tokens: int = 4,
    rotary_dim: int | None = None,
    num_frequencies: int | None = None,
    theta: float = 10000.0,
    layout: str = "half",
    qkv_bias: bool = False,
    out_bias: bool = False,
    causal: bool = True,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The attention layer, and one input of shape (1, tokens, embed_dim).

    `rotary_dim` (default head_dim) coordinates are turned, with the frequencies
    theta^(-j / num_frequencies); where `num_frequencies` (default rotary_dim / 2) is smaller than
    the number of pairs, the same frequencies come again.
    """
    if num_heads % num_kv_heads:
        raise ValueError(f"{num_heads} heads are no multiple of {num_kv_heads} key/value heads")
    rotary_dim = head_dim if rotary_dim is None else rotary_dim
    if rotary_dim % 2 or not 0 < rotary_dim <= head_dim:
        raise ValueError(f"rotary_dim {rotary_dim} is not even, or not from 2 to {head_dim}")
    if layout not in LAYOUTS:
        raise ValueError(f"layout {layout!r} is none of {', '.join(LAYOUTS)}")
    distinct = rotary_dim // 2 if num_frequencies is None else num_frequencies
    frequencies = [theta ** -((j % distinct) / distinct) for j in range(rotary_dim // 2)]
    module = RotaryAttention(
        embed_dim, num_heads, num_kv_heads, head_dim, frequencies, layout, qkv_bias, out_bias,
        causal,
    )
    x = torch.randn(1, tokens, embed_dim, generator=torch.Generator().manual_seed(0))
    return module, (x,)


FULL: dict[str, Any] = {
    "embed_dim": 2048,
    "num_heads": 32,
    "num_kv_heads": 8,
    "head_dim": 64,
    "tokens": 128,
    "theta": 500000.0,
}

EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 192,
        "redundancy": 40,
        "algebra": "gl(4,R)^2 + gl(1,C)^4",
        "orbit_dimension": 40,
    },
    {
        "sizes": {"layout": "interleaved"},
        "parameters": 192,
        "redundancy": 40,
        "algebra": "gl(4,R)^2 + gl(1,C)^4",
        "orbit_dimension": 40,
    },
    {
        "sizes": {"causal": False},
        "parameters": 192,
        "redundancy": 40,
        "algebra": "gl(4,R)^2 + gl(1,C)^4",
        "orbit_dimension": 40,
    },
    {
        "sizes": {"rotary_dim": 2},
        "parameters": 192,
        "redundancy": 44,
        "algebra": "gl(4,R)^2 + gl(2,R)^2 + gl(1,C)^2",
        "orbit_dimension": 44,
    },
    {
        "sizes": {"num_frequencies": 1},
        "parameters": 192,
        "redundancy": 48,
        "algebra": "gl(4,R)^2 + gl(2,C)^2",
        "orbit_dimension": 48,
    },
    {
        "sizes": {"qkv_bias": True, "out_bias": True},
        "parameters": 228,
        "redundancy": 48,
        "algebra": "aff(4,R)^2 + gl(1,C)^4",
        "orbit_dimension": 48,
    },
    {
        "sizes": {"num_heads": 1, "num_kv_heads": 1, "rotary_dim": 2, "qkv_bias": True},
        "parameters": 76,
        "redundancy": 24,
        "algebra": "gl(4,R) + aff(2,R) + gl(1,C)",
        "orbit_dimension": 24,
    },
    {
        "sizes": {"embed_dim": 6, "num_heads": 2, "num_kv_heads": 1, "head_dim": 6},
        "parameters": 216,
        "redundancy": 42,
        "algebra": "gl(6,R) + gl(1,C)^3",
        "orbit_dimension": 42,
    },
]

REFERENCE = (
    "J. Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, "
    "arXiv:2104.09864 (2021); the full sizes are those of Llama 3.2 1B"
)
