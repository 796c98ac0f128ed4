"""Mixture of experts: y = sum_e g_e(x) E_e(x), gates g = softmax(W_r x), all or the k largest.

With top_k the k largest gates are divided by their sum. Gates see only differences of the
router's scores, so its rows may shift by a common vector; each expert keeps its own symmetry: a
positive scaling per ReLU unit, or up against down per SwiGLU unit.
"""

from typing import Any

import torch
from torch import Tensor

EXPERTS = ("relu", "swiglu")


class Expert(torch.nn.Module):
    """w2 relu(w1 x), or w2 (silu(w1 x) * w3 x); the inner map of a ReLU expert may have a bias."""

    def __init__(self, embed_dim: int, ffn_dim: int, kind: str, bias: bool) -> None:
        super().__init__()
        self.w1 = torch.nn.Linear(embed_dim, ffn_dim, bias=bias)
        self.w2 = torch.nn.Linear(ffn_dim, embed_dim, bias=False)
        if kind == "swiglu":
            self.w3 = torch.nn.Linear(embed_dim, ffn_dim, bias=False)
        self.kind = kind

    def forward(self, x: Tensor) -> Tensor:
        if self.kind == "relu":
            hidden = torch.nn.functional.relu(self.w1(x))
        else:
            hidden = torch.nn.functional.silu(self.w1(x)) * self.w3(x)
        return self.w2(hidden)  # type: ignore[no-any-return]


class MixtureOfExperts(torch.nn.Module):
    """Every expert is run, on inputs of shape (batch, embed_dim); unchosen gates are zero."""

    def __init__(
        self,
        embed_dim: int,
        ffn_dim: int,
        num_experts: int,
        top_k: int | None,
        kind: str,
        bias: bool,
    ) -> None:
        super().__init__()
        self.gate = torch.nn.Linear(embed_dim, num_experts, bias=False)
        self.experts = torch.nn.ModuleList(
            Expert(embed_dim, ffn_dim, kind, bias) for _ in range(num_experts)
        )
        self.top_k = top_k

    def gates(self, x: Tensor) -> Tensor:
        """(batch, num_experts), each row of sum 1."""
        gates = torch.softmax(self.gate(x), dim=-1)
        if self.top_k is None:
            return gates
        chosen, index = torch.topk(gates, self.top_k, dim=-1)
        chosen = chosen / chosen.sum(dim=-1, keepdim=True)
        return torch.zeros_like(gates).scatter(-1, index, chosen)

    def forward(self, x: Tensor) -> Tensor:
        outputs = torch.stack([expert(x) for expert in self.experts], dim=-2)
        return (self.gates(x)[..., None] * outputs).sum(dim=-2)


def factory(
    embed_dim: int = 3,
    ffn_dim: int = 2,
    num_experts: int = 3,
    top_k: int | None = None,
    kind: str = "relu",
    bias: bool = False,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The mixture, and one input of shape (1, embed_dim). `top_k` None: every expert counts."""
    if kind not in EXPERTS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(EXPERTS)}")
    if top_k is not None and not 0 < top_k <= num_experts:
        raise ValueError(f"top_k {top_k} is not from 1 to {num_experts}")
    x = torch.randn(1, embed_dim, generator=torch.Generator().manual_seed(0))
    return MixtureOfExperts(embed_dim, ffn_dim, num_experts, top_k, kind, bias), (x,)


FULL: dict[str, Any] = {"embed_dim": 768, "ffn_dim": 3072, "num_experts": 8}

EXPECTED: list[dict[str, Any]] = [
    {"sizes": {}, "parameters": 45, "redundancy": 9, "algebra": "R^9", "orbit_dimension": 9},
    {
        "sizes": {"bias": True},
        "parameters": 51,
        "redundancy": 9,
        "algebra": "R^9",
        "orbit_dimension": 9,
    },
    {
        "sizes": {"top_k": 2},
        "parameters": 45,
        "redundancy": 9,
        "algebra": "R^9",
        "orbit_dimension": 9,
    },
    {
        "sizes": {"top_k": 1},
        "parameters": 45,
        "redundancy": 15,
        "algebra": "R^9",
        "orbit_dimension": None,
    },
    {
        "sizes": {"kind": "swiglu"},
        "parameters": 63,
        "redundancy": 9,
        "algebra": "R^9",
        "orbit_dimension": 9,
    },
    {
        "sizes": {"kind": "swiglu", "top_k": 2},
        "parameters": 63,
        "redundancy": 9,
        "algebra": "R^9",
        "orbit_dimension": 9,
    },
    {
        "sizes": {"embed_dim": 4, "num_experts": 4, "top_k": 2},
        "parameters": 80,
        "redundancy": 12,
        "algebra": "R^12",
        "orbit_dimension": 12,
    },
]

REFERENCE = (
    "N. Shazeer et al., Outrageously Large Neural Networks: The Sparsely-Gated Mixture-of-Experts "
    "Layer, ICLR 2017; W. Fedus, B. Zoph, N. Shazeer, Switch Transformers, JMLR 23 (2022), whose "
    "base model with 8 experts has the full sizes"
)
