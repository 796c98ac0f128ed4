"""Encoder block: x + Attn(N1(x)), then x + MLP(N2(x)); post-norm: N1(x + Attn(x)), likewise MLP.

MLP(x) = W_2 act(W_1 x + b_1) + b_2; N is LayerNorm or RMSNorm, with or without gains. The real
stream goes in and comes out, so that it cannot be turned. Gains move into the maps that read
them; behind a LayerNorm each reading row may shift by a multiple of 1 / gain, which a bias takes
up; heads, key and value biases and ReLU units are as in their own blocks.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": torch.nn.functional.gelu,
    "relu": torch.nn.functional.relu,
}
NORMS = ("layer", "rms")


def make_norm(norm: str, width: int, affine: bool, bias: bool, eps: float) -> torch.nn.Module:
    """LayerNorm or RMSNorm; `affine` gives it gains, and `bias` a LayerNorm its shift too."""
    if norm == "layer":
        return torch.nn.LayerNorm(width, eps=eps, elementwise_affine=affine, bias=bias)
    return torch.nn.RMSNorm(width, eps=eps, elementwise_affine=affine)


class SelfAttention(torch.nn.Module):
    """Multi-head attention on inputs of shape (batch, tokens, embed_dim)."""

    def __init__(self, embed_dim: int, num_heads: int, bias: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.q_proj = torch.nn.Linear(embed_dim, embed_dim, bias=bias)
        self.k_proj = torch.nn.Linear(embed_dim, embed_dim, bias=bias)
        self.v_proj = torch.nn.Linear(embed_dim, embed_dim, bias=bias)
        self.out_proj = torch.nn.Linear(embed_dim, embed_dim, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            proj(x).view(x.shape[0], x.shape[1], self.num_heads, -1).transpose(1, 2)
            for proj in (self.q_proj, self.k_proj, self.v_proj)
        )
        heads = torch.nn.functional.scaled_dot_product_attention(q, k, v)
        return self.out_proj(heads.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class EncoderBlock(torch.nn.Module):
    """Attention and MLP, each with a skip and a norm, on inputs (batch, tokens, embed_dim)."""

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        ffn_dim: int,
        activation: str,
        norm: str,
        norm_first: bool,
        norm_affine: bool,
        bias: bool,
        eps: float,
    ) -> None:
        super().__init__()
        self.self_attn = SelfAttention(embed_dim, num_heads, bias)
        self.self_attn_layer_norm = make_norm(norm, embed_dim, norm_affine, bias, eps)
        self.fc1 = torch.nn.Linear(embed_dim, ffn_dim, bias=bias)
        self.fc2 = torch.nn.Linear(ffn_dim, embed_dim, bias=bias)
        self.final_layer_norm = make_norm(norm, embed_dim, norm_affine, bias, eps)
        self.activation, self.norm_first = ACTIVATIONS[activation], norm_first

    def mlp(self, x: Tensor) -> Tensor:
        """W_2 act(W_1 x + b_1) + b_2."""
        return self.fc2(self.activation(self.fc1(x)))  # type: ignore[no-any-return]

    def forward(self, x: Tensor) -> Tensor:
        if self.norm_first:
            x = x + self.self_attn(self.self_attn_layer_norm(x))
            return x + self.mlp(self.final_layer_norm(x))
        x = self.self_attn_layer_norm(x + self.self_attn(x))
        return self.final_layer_norm(x + self.mlp(x))  # type: ignore[no-any-return]


def factory(
    embed_dim: int = 4,
    num_heads: int = 2,
    ffn_dim: int = 4,
    tokens: int = 4,
    activation: str = "gelu",
    norm: str = "layer",
    norm_first: bool = True,
    norm_affine: bool = True,
    bias: bool = True,
    eps: float = 1e-5,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The block, and one input of shape (1, tokens, embed_dim)."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation {activation!r} is none of {', '.join(ACTIVATIONS)}")
    if norm not in NORMS:
        raise ValueError(f"norm {norm!r} is none of {', '.join(NORMS)}")
    module = EncoderBlock(
        embed_dim, num_heads, ffn_dim, activation, norm, norm_first, norm_affine, bias, eps
    )
    x = torch.randn(1, tokens, embed_dim, generator=torch.Generator().manual_seed(0))
    return module, (x,)


FULL: dict[str, Any] = {"embed_dim": 768, "num_heads": 12, "ffn_dim": 3072, "tokens": 128}

EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 136,
        "redundancy": 57,
        "algebra": "(gl(2,R) |x ((R^2)^2 + R^2*))^2 + (gl(2,R) |x (R^2)^2)^2 + aff(1,R)^8 + R^5",
        "orbit_dimension": 57,
    },
    {
        "sizes": {"norm": "rms"},
        "parameters": 128,
        "redundancy": 32,
        "algebra": "aff(2,R)^4 + R^8",
        "orbit_dimension": 32,
    },
    {
        "sizes": {"activation": "relu"},
        "parameters": 136,
        "redundancy": 61,
        "algebra": "(gl(2,R) |x ((R^2)^2 + R^2*))^2 + (gl(2,R) |x (R^2)^2)^2 + aff(1,R)^12 + R",
        "orbit_dimension": 61,
    },
    {
        "sizes": {"bias": False},
        "parameters": 104,
        "redundancy": 40,
        "algebra": "(gl(2,R) |x (R^2 + R^2*))^2 + aff(2,R)^2 + R^12",
        "orbit_dimension": 40,
    },
    {
        "sizes": {"norm_affine": False},
        "parameters": 120,
        "redundancy": 41,
        "algebra": "(gl(2,R) |x ((R^2)^2 + R^2*))^2 + (gl(2,R) |x (R^2)^2)^2 + R^5",
        "orbit_dimension": 41,
    },
    {
        "sizes": {"embed_dim": 6, "num_heads": 3, "ffn_dim": 5},
        "parameters": 263,
        "redundancy": 84,
        "algebra": "(gl(2,R) |x ((R^2)^2 + R^2*))^3 + (gl(2,R) |x (R^2)^2)^3 + aff(1,R)^12 + R^6",
        "orbit_dimension": 84,
    },
    {
        "sizes": {"norm": "rms", "norm_first": False},
        "parameters": 128,
        "redundancy": 24,
        "algebra": "aff(2,R)^4",
        "orbit_dimension": 24,
    },
    {
        "sizes": {"norm_first": False},
        "parameters": 136,
        "redundancy": 42,
        "algebra": "(gl(2,R)^2 |x heis(9)) + aff(2,R)^2 + R^13",
        "orbit_dimension": 42,
    },
]

REFERENCE = (
    "A. Vaswani et al., Attention Is All You Need, NeurIPS 2017 (post-norm); R. Xiong et al., On "
    "Layer Normalization in the Transformer Architecture, ICML 2020 (pre-norm); the full sizes "
    "are those of BERT base"
)
