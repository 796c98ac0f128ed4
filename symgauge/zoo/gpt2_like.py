"""GPT-2: tokens -> wte[t] + wpe[i], L blocks x + Attn(LN(x)), x + MLP(LN(x)), LN, logits.

The head is the token embedding (tied) or a matrix of its own; `lm_head` has no bias, and c_attn
holds query, key and value side by side in GPT-2's (in, out) layout. In each block: heads, their
biases, the gains and shifts of both norms, and, as LayerNorm forgets the direction of 1, a shift
of each reading row and of each writing column. The embeddings lose a multiple of 1 per position;
an untied head lets the stream turn about 1.
"""

from typing import Any

import torch
from torch import Tensor


class Conv1D(torch.nn.Module):
    """x W + b with W of shape (in_features, out_features)."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.randn(in_features, out_features) * 0.02)
        self.bias = torch.nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight + self.bias


class Attention(torch.nn.Module):
    """Causal multi-head attention with packed query, key and value."""

    def __init__(self, n_embd: int, n_head: int) -> None:
        super().__init__()
        self.n_head = n_head
        self.c_attn = Conv1D(n_embd, 3 * n_embd)
        self.c_proj = Conv1D(n_embd, n_embd)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (
            part.view(x.shape[0], x.shape[1], self.n_head, -1).transpose(1, 2)
            for part in self.c_attn(x).chunk(3, dim=-1)
        )
        heads = torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.c_proj(heads.transpose(1, 2).flatten(2))  # type: ignore[no-any-return]


class MLP(torch.nn.Module):
    """GELU (or its tanh form) between two affine maps."""

    def __init__(self, n_embd: int, n_inner: int, approximate: str) -> None:
        super().__init__()
        self.c_fc = Conv1D(n_embd, n_inner)
        self.c_proj = Conv1D(n_inner, n_embd)
        self.approximate = approximate

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.nn.functional.gelu(self.c_fc(x), approximate=self.approximate)
        return self.c_proj(hidden)  # type: ignore[no-any-return]


class Block(torch.nn.Module):
    """Pre-norm attention and MLP."""

    def __init__(self, n_embd: int, n_head: int, n_inner: int, approximate: str) -> None:
        super().__init__()
        self.ln_1 = torch.nn.LayerNorm(n_embd)
        self.attn = Attention(n_embd, n_head)
        self.ln_2 = torch.nn.LayerNorm(n_embd)
        self.mlp = MLP(n_embd, n_inner, approximate)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attn(self.ln_1(x))
        return x + self.mlp(self.ln_2(x))  # type: ignore[no-any-return]


class GPT2(torch.nn.Module):
    """Logits (batch, tokens, vocab_size) from token numbers (batch, tokens)."""

    def __init__(
        self,
        vocab_size: int,
        n_positions: int,
        n_embd: int,
        n_head: int,
        n_inner: int,
        n_layer: int,
        tied: bool,
        approximate: str,
    ) -> None:
        super().__init__()
        self.wte = torch.nn.Embedding(vocab_size, n_embd)
        self.wpe = torch.nn.Embedding(n_positions, n_embd)
        self.h = torch.nn.ModuleList(
            Block(n_embd, n_head, n_inner, approximate) for _ in range(n_layer)
        )
        self.ln_f = torch.nn.LayerNorm(n_embd)
        self.lm_head = torch.nn.Linear(n_embd, vocab_size, bias=False)
        if tied:
            self.lm_head.weight = self.wte.weight

    def forward(self, input_ids: Tensor) -> Tensor:
        positions = torch.arange(input_ids.shape[1], device=input_ids.device)
        x = self.wte(input_ids) + self.wpe(positions)
        for block in self.h:
            x = block(x)
        return self.lm_head(self.ln_f(x))  # type: ignore[no-any-return]


def factory(
    vocab_size: int = 6,
    tokens: int = 3,
    n_embd: int = 4,
    n_head: int = 2,
    n_inner: int | None = 4,
    n_layer: int = 1,
    tied: bool = True,
    approximate: str = "tanh",
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The model, and one sequence of token numbers of shape (1, tokens).

    There are as many learned positions as tokens. `n_inner` defaults to 4 n_embd where it is None.
    """
    n_inner = 4 * n_embd if n_inner is None else n_inner
    module = GPT2(vocab_size, tokens, n_embd, n_head, n_inner, n_layer, tied, approximate)
    generator = torch.Generator().manual_seed(0)
    return module, (torch.randint(vocab_size, (1, tokens), generator=generator),)


FULL: dict[str, Any] = {
    "vocab_size": 50257,
    "tokens": 64,
    "n_embd": 768,
    "n_head": 12,
    "n_inner": 3072,
    "n_layer": 12,
}

EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 180,
        "redundancy": 69,
        "algebra": (
            "(gl(2,R)^2 |x (heis(9) + R^4)) + (gl(2,R) |x ((R^2)^2 + R^2*))^2 + "
            "aff(1,R)^8 + R^12"
        ),
        "orbit_dimension": 69,
    },
    {
        "sizes": {"approximate": "none"},
        "parameters": 180,
        "redundancy": 69,
        "algebra": (
            "(gl(2,R)^2 |x (heis(9) + R^4)) + (gl(2,R) |x ((R^2)^2 + R^2*))^2 + "
            "aff(1,R)^8 + R^12"
        ),
        "orbit_dimension": 69,
    },
    {
        "sizes": {"n_layer": 2},
        "parameters": 316,
        "redundancy": 135,
        "algebra": (
            "(gl(2,R)^2 |x (heis(9) + R^4))^2 + (gl(2,R) |x ((R^2)^2 + R^2*))^4 + "
            "aff(1,R)^16 + R^21"
        ),
        "orbit_dimension": 135,
    },
    {
        "sizes": {"vocab_size": 8, "n_embd": 6, "n_head": 3},
        "parameters": 328,
        "redundancy": 97,
        "algebra": (
            "(gl(2,R)^3 |x (heis(13) + R^6)) + (gl(2,R) |x ((R^2)^2 + R^2*))^3 + "
            "aff(1,R)^12 + R^12"
        ),
        "orbit_dimension": 97,
    },
    {
        "sizes": {"tied": False},
        "parameters": 204,
        "redundancy": 89,
        "algebra": (
            "(gl(2,R)^2 |x (heis(9) + R^4)) + ((so(3) + R) |x R^6) + "
            "(gl(2,R) |x ((R^2)^2 + R^2*))^2 + aff(1,R)^8 + R^22"
        ),
        "orbit_dimension": 89,
    },
]

REFERENCE = (
    "A. Radford et al., Language Models are Unsupervised Multitask Learners (2019); the full "
    "sizes are those of GPT-2 small, with 64 of its 1024 positions"
)
