"""Multi-head attention: Y = concat_h(act(Q_h K_h^T / sqrt(d_k)) V_h) W_O^T + b_O, rows are tokens.

Q = X W_Q^T + b_Q, K and V likewise; `act` is softmax over the keys, the elementwise sigmoid, or
the identity (linear attention). Grouped-query attention shares each key and value head among
num_heads / num_kv_heads query heads. Per key/value head g: W_Q -> g W_Q, W_K -> g^-T W_K and
W_V -> m W_V, W_O -> W_O m^-1; under softmax the key bias is pure gauge.
"""

import math
from typing import Any

import torch
from torch import Tensor

KINDS = ("softmax", "sigmoid", "linear")


class Attention(torch.nn.Module):
    """Self-attention on inputs of shape (batch, tokens, embed_dim)."""

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        num_kv_heads: int,
        head_dim: int,
        qkv_bias: bool,
        out_bias: bool,
        causal: bool,
        kind: str,
    ) -> None:
        super().__init__()
        self.num_heads, self.num_kv_heads, self.head_dim = num_heads, num_kv_heads, head_dim
        self.causal, self.kind = causal, kind
        self.q_proj = torch.nn.Linear(embed_dim, num_heads * head_dim, bias=qkv_bias)
        self.k_proj = torch.nn.Linear(embed_dim, num_kv_heads * head_dim, bias=qkv_bias)
        self.v_proj = torch.nn.Linear(embed_dim, num_kv_heads * head_dim, bias=qkv_bias)
        self.out_proj = torch.nn.Linear(num_heads * head_dim, embed_dim, bias=out_bias)

    def split_heads(self, x: Tensor, num_heads: int) -> Tensor:
        """(batch, tokens, num_heads * head_dim) -> (batch, num_heads, tokens, head_dim)."""
        return x.view(x.shape[0], x.shape[1], num_heads, self.head_dim).transpose(1, 2)

    def mix(self, q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        """act(Q K^T / sqrt(d_k)) V for every head."""
        if self.kind == "softmax":
            return torch.nn.functional.scaled_dot_product_attention(
                q, k, v, is_causal=self.causal
            )
        weights = q @ k.transpose(-2, -1) / math.sqrt(self.head_dim)
        if self.kind == "sigmoid":
            weights = torch.sigmoid(weights)
        if self.causal:
            tokens = q.shape[-2]
            weights = weights * torch.ones(tokens, tokens, dtype=q.dtype, device=q.device).tril()
        return weights @ v

    def forward(self, x: Tensor) -> Tensor:
        q = self.split_heads(self.q_proj(x), self.num_heads)
        k = self.split_heads(self.k_proj(x), self.num_kv_heads)
        v = self.split_heads(self.v_proj(x), self.num_kv_heads)
        if self.num_kv_heads != self.num_heads:
            repeats = self.num_heads // self.num_kv_heads
            k = k.repeat_interleave(repeats, dim=1)
            v = v.repeat_interleave(repeats, dim=1)
        heads = self.mix(q, k, v).transpose(1, 2).flatten(2)
        return self.out_proj(heads)  # type: ignore[no-any-return]


def factory(
    embed_dim: int = 4,
    num_heads: int = 2,
    num_kv_heads: int | None = None,
    head_dim: int | None = None,
    tokens: int = 5,
    bias: bool = True,
    qkv_bias: bool | None = None,
    out_bias: bool | None = None,
    causal: bool = False,
    kind: str = "softmax",
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The attention layer, and one input of shape (1, tokens, embed_dim).

    `num_kv_heads` defaults to num_heads, `head_dim` to embed_dim / num_heads; `qkv_bias` and
    `out_bias` default to `bias`.
    """
    num_kv_heads = num_heads if num_kv_heads is None else num_kv_heads
    if num_heads % num_kv_heads:
        raise ValueError(f"{num_heads} heads are no multiple of {num_kv_heads} key/value heads")
    if head_dim is None:
        if embed_dim % num_heads:
            raise ValueError(f"embed_dim {embed_dim} is no multiple of {num_heads}: set head_dim")
        head_dim = embed_dim // num_heads
    if kind not in KINDS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    module = Attention(
        embed_dim,
        num_heads,
        num_kv_heads,
        head_dim,
        bias if qkv_bias is None else qkv_bias,
        bias if out_bias is None else out_bias,
        causal,
        kind,
    )
    x = torch.randn(1, tokens, embed_dim, generator=torch.Generator().manual_seed(0))
    return module, (x,)


FULL: dict[str, Any] = {"embed_dim": 768, "num_heads": 12, "tokens": 128}

# A value bias joins gl(n) to aff(n), a key bias where it is pure gauge as well. With head_dim 5
# above embed_dim 3 the action is not free: gl(5,R)^2 has dimension 50 and orbits of dimension 42.
EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 80,
        "redundancy": 24,
        "algebra": "aff(2,R)^4",
        "orbit_dimension": 24,
    },
    {
        "sizes": {"bias": False},
        "parameters": 64,
        "redundancy": 16,
        "algebra": "gl(2,R)^4",
        "orbit_dimension": 16,
    },
    {
        "sizes": {"out_bias": False},
        "parameters": 76,
        "redundancy": 20,
        "algebra": "aff(2,R)^2 + gl(2,R)^2",
        "orbit_dimension": 20,
    },
    {
        "sizes": {"qkv_bias": False},
        "parameters": 68,
        "redundancy": 16,
        "algebra": "gl(2,R)^4",
        "orbit_dimension": 16,
    },
    {
        "sizes": {"causal": True},
        "parameters": 80,
        "redundancy": 24,
        "algebra": "aff(2,R)^4",
        "orbit_dimension": 24,
    },
    {
        "sizes": {"num_heads": 1, "head_dim": 2, "bias": False},
        "parameters": 32,
        "redundancy": 8,
        "algebra": "gl(2,R)^2",
        "orbit_dimension": 8,
    },
    {
        "sizes": {"num_heads": 4, "num_kv_heads": 2, "head_dim": 2, "bias": False},
        "parameters": 96,
        "redundancy": 16,
        "algebra": "gl(2,R)^4",
        "orbit_dimension": 16,
    },
    {
        "sizes": {"num_heads": 4, "num_kv_heads": 2, "head_dim": 2},
        "parameters": 116,
        "redundancy": 24,
        "algebra": "aff(2,R)^4",
        "orbit_dimension": 24,
    },
    {
        "sizes": {"num_heads": 3, "num_kv_heads": 1, "head_dim": 2, "bias": False},
        "parameters": 64,
        "redundancy": 8,
        "algebra": "gl(2,R)^2",
        "orbit_dimension": 8,
    },
    {
        "sizes": {"embed_dim": 3, "num_heads": 1, "head_dim": 5, "bias": False},
        "parameters": 60,
        "redundancy": 42,
        "algebra": "gl(5,R)^2",
        "orbit_dimension": 42,
    },
    {
        "sizes": {"kind": "sigmoid"},
        "parameters": 80,
        "redundancy": 16,
        "algebra": "gl(2,R)^4",
        "orbit_dimension": 16,
    },
    {
        "sizes": {"kind": "sigmoid", "bias": False},
        "parameters": 64,
        "redundancy": 16,
        "algebra": "gl(2,R)^4",
        "orbit_dimension": 16,
    },
    {
        "sizes": {"kind": "linear"},
        "parameters": 80,
        "redundancy": 18,
        "algebra": "gl(2,R)^4 + R^2",
        "orbit_dimension": 18,
    },
    {
        "sizes": {"kind": "linear", "bias": False},
        "parameters": 64,
        "redundancy": 18,
        "algebra": "gl(2,R)^4 + R^2",
        "orbit_dimension": 18,
    },
    {
        "sizes": {"kind": "linear", "num_heads": 1, "head_dim": 2, "bias": False},
        "parameters": 32,
        "redundancy": 9,
        "algebra": "gl(2,R)^2 + R",
        "orbit_dimension": 9,
    },
]

REFERENCE = (
    "A. Vaswani et al., Attention Is All You Need, NeurIPS 2017; J. Ainslie et al., GQA: Training "
    "Generalized Multi-Query Transformer Models from Multi-Head Checkpoints, EMNLP 2023; "
    "K. Hashimoto, Y. Hirono, A. Sannai, Mach. Learn.: Sci. Technol. 5 (2024) 025079 (the gauge "
    "symmetry)"
)
