"""Llama: tokens -> embedding, L blocks x + Attn(RMSNorm(x)), x + SwiGLU(RMSNorm(x)), norm, logits.

Attention is causal, grouped and rotary; no biases; the head is the embedding (tied) or a matrix of
its own. In each block: one complex number per rotated pair, GL(d_v) per key/value head, a scaling
per gated unit, and both gains. Without tying the last gain and rotations of the whole stream come
to them.
"""

from typing import Any

import torch
from torch import Tensor


def rotate(x: Tensor, theta: float) -> Tensor:
    """Turn the pairs (j, j + d_k/2) of x, of shape (..., tokens, d_k), by t theta^(-2j/d_k)."""
    half = x.shape[-1] // 2
    positions = torch.arange(x.shape[-2], dtype=x.dtype, device=x.device)
    frequencies = [theta ** -(j / half) for j in range(half)]
    angles = positions[:, None] * torch.tensor(frequencies, dtype=x.dtype, device=x.device)
    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


class Attention(torch.nn.Module):
    """Causal rotary attention, num_heads / num_kv_heads query heads to each key/value head."""

    def __init__(
        self, hidden_size: int, num_heads: int, num_kv_heads: int, head_dim: int, theta: float
    ) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads, self.head_dim = num_heads, num_kv_heads, head_dim
        self.theta = theta
        self.q_proj = torch.nn.Linear(hidden_size, num_heads * head_dim, bias=False)
        self.k_proj = torch.nn.Linear(hidden_size, num_kv_heads * head_dim, bias=False)
        self.v_proj = torch.nn.Linear(hidden_size, num_kv_heads * head_dim, bias=False)
        self.o_proj = torch.nn.Linear(num_heads * head_dim, hidden_size, bias=False)

    def split_heads(self, x: Tensor, num_heads: int) -> Tensor:
        """(batch, tokens, num_heads * head_dim) -> (batch, num_heads, tokens, head_dim)."""
        return x.view(x.shape[0], x.shape[1], num_heads, self.head_dim).transpose(1, 2)

    def forward(self, x: Tensor) -> Tensor:
        q = rotate(self.split_heads(self.q_proj(x), self.num_heads), self.theta)
        k = rotate(self.split_heads(self.k_proj(x), self.num_kv_heads), self.theta)
        v = self.split_heads(self.v_proj(x), self.num_kv_heads)
        if self.num_kv_heads != self.num_heads:
            repeats = self.num_heads // self.num_kv_heads
            k = k.repeat_interleave(repeats, dim=1)
            v = v.repeat_interleave(repeats, dim=1)
        heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.o_proj(heads.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class MLP(torch.nn.Module):
    """SwiGLU: W_down (silu(W_gate x) * W_up x)."""

    def __init__(self, hidden_size: int, intermediate_size: int) -> None:
        super().__init__()
        self.gate_proj = torch.nn.Linear(hidden_size, intermediate_size, bias=False)
        self.up_proj = torch.nn.Linear(hidden_size, intermediate_size, bias=False)
        self.down_proj = torch.nn.Linear(intermediate_size, hidden_size, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.nn.functional.silu(self.gate_proj(x)) * self.up_proj(x)
        return self.down_proj(hidden)  # type: ignore[no-any-return]


class Layer(torch.nn.Module):
    """Pre-norm attention and gated MLP."""

    def __init__(
        self, hidden_size: int, intermediate_size: int, eps: float, self_attn: Attention
    ) -> None:
        super().__init__()
        self.self_attn = self_attn
        self.mlp = MLP(hidden_size, intermediate_size)
        self.input_layernorm = torch.nn.RMSNorm(hidden_size, eps=eps)
        self.post_attention_layernorm = torch.nn.RMSNorm(hidden_size, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x))
        return x + self.mlp(self.post_attention_layernorm(x))  # type: ignore[no-any-return]


class Llama(torch.nn.Module):
    """Logits (batch, tokens, vocab_size) from token numbers (batch, tokens)."""

    def __init__(
        self, vocab_size: int, hidden_size: int, layers: list[Layer], eps: float, tied: bool
    ) -> None:
        super().__init__()
        self.embed_tokens = torch.nn.Embedding(vocab_size, hidden_size)
        self.layers = torch.nn.ModuleList(layers)
        self.norm = torch.nn.RMSNorm(hidden_size, eps=eps)
        self.lm_head = torch.nn.Linear(hidden_size, vocab_size, bias=False)
        if tied:
            self.lm_head.weight = self.embed_tokens.weight

    def forward(self, input_ids: Tensor) -> Tensor:
        x = self.embed_tokens(input_ids)
        for layer in self.layers:
            x = layer(x)
        return self.lm_head(self.norm(x))  # type: ignore[no-any-return]


def factory(
    vocab_size: int = 5,
    tokens: int = 4,
    hidden_size: int = 4,
    intermediate_size: int = 2,
    num_layers: int = 2,
    num_heads: int = 2,
    num_kv_heads: int = 2,
    head_dim: int = 4,
    tied: bool = False,
    theta: float = 10000.0,
    eps: float = 1e-5,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The model, and one sequence of token numbers of shape (1, tokens)."""
    if num_heads % num_kv_heads:
        raise ValueError(f"{num_heads} heads are no multiple of {num_kv_heads} key/value heads")
    if head_dim % 2:
        raise ValueError(f"rotary positions turn pairs: head_dim {head_dim} is odd")
    layers = [
        Layer(
            hidden_size,
            intermediate_size,
            eps,
            Attention(hidden_size, num_heads, num_kv_heads, head_dim, theta),
        )
        for _ in range(num_layers)
    ]
    module = Llama(vocab_size, hidden_size, layers, eps, tied)
    generator = torch.Generator().manual_seed(0)
    return module, (torch.randint(vocab_size, (1, tokens), generator=generator),)


# The stream is turned by the same rotation in every layer, so a family that is found in a small
# model holds in a full one with as many layers.
FULL: dict[str, Any] = {
    "vocab_size": 32000,
    "tokens": 64,
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_heads": 12,
    "num_kv_heads": 12,
    "head_dim": 64,
    "num_layers": 2,
}

EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 364,
        "redundancy": 110,
        "algebra": "gl(4,R)^4 + so(4) + gl(1,C)^8 + R^24",
        "orbit_dimension": 110,
    },
    {
        "sizes": {"tied": True},
        "parameters": 344,
        "redundancy": 100,
        "algebra": "gl(4,R)^4 + gl(1,C)^8 + R^20",
        "orbit_dimension": 100,
    },
    {
        "sizes": {"num_layers": 1},
        "parameters": 204,
        "redundancy": 60,
        "algebra": "gl(4,R)^2 + so(4) + gl(1,C)^4 + R^14",
        "orbit_dimension": 60,
    },
    {
        "sizes": {"num_layers": 1, "tied": True},
        "parameters": 184,
        "redundancy": 50,
        "algebra": "gl(4,R)^2 + gl(1,C)^4 + R^10",
        "orbit_dimension": 50,
    },
    {
        "sizes": {"num_layers": 1, "num_kv_heads": 1},
        "parameters": 172,
        "redundancy": 40,
        "algebra": "gl(4,R) + so(4) + gl(1,C)^2 + R^14",
        "orbit_dimension": 40,
    },
]

REFERENCE = (
    "H. Touvron et al., LLaMA: Open and Efficient Foundation Language Models, arXiv:2302.13971 "
    "(2023); the full sizes are those of the draft model of X. Miao et al., SpecInfer, ASPLOS 2024 "
    "(two layers, 68 million parameters)"
)
