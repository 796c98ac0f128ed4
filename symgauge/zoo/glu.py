"""Gated linear unit: y = W_down (act(W_gate x) * W_up x), each map with an optional bias.

SwiGLU, GEGLU, ReGLU and the bilinear unit for act = silu, gelu, relu, identity. Each hidden unit
scales up against down; ReLU and the identity let the gate scale too.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "silu": torch.nn.functional.silu,
    "gelu": torch.nn.functional.gelu,
    "relu": torch.nn.functional.relu,
    "identity": lambda z: z,
}


class GLU(torch.nn.Module):
    """Feedforward block with a gate, on inputs of shape (..., in_features)."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        out_features: int,
        activation: str,
        bias: bool,
    ) -> None:
        super().__init__()
        self.gate_proj = torch.nn.Linear(in_features, hidden_features, bias=bias)
        self.up_proj = torch.nn.Linear(in_features, hidden_features, bias=bias)
        self.down_proj = torch.nn.Linear(hidden_features, out_features, bias=bias)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.activation(self.gate_proj(x)) * self.up_proj(x)
        return self.down_proj(hidden)  # type: ignore[no-any-return]


def factory(
    in_features: int = 3,
    hidden_features: int = 4,
    out_features: int = 3,
    activation: str = "silu",
    bias: bool = False,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The gated unit, and one input of shape (1, in_features)."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation {activation!r} is none of {', '.join(ACTIVATIONS)}")
    x = torch.randn(1, in_features, generator=torch.Generator().manual_seed(0))
    return GLU(in_features, hidden_features, out_features, activation, bias), (x,)


FULL: dict[str, Any] = {"in_features": 1024, "hidden_features": 2816, "out_features": 1024}

# With one output the bilinear unit is a single quadratic form: it hides O(h, h), which fields of
# higher degree span, at generic points.
EXPECTED: list[dict[str, Any]] = [
    {"sizes": {}, "parameters": 36, "redundancy": 4, "algebra": "R^4", "orbit_dimension": 4},
    {
        "sizes": {"bias": True},
        "parameters": 47,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"activation": "gelu"},
        "parameters": 36,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"activation": "relu"},
        "parameters": 36,
        "redundancy": 8,
        "algebra": "R^8",
        "orbit_dimension": 8,
    },
    {
        "sizes": {"activation": "relu", "bias": True},
        "parameters": 47,
        "redundancy": 8,
        "algebra": "R^8",
        "orbit_dimension": 8,
    },
    {
        "sizes": {"activation": "identity", "in_features": 5, "hidden_features": 2},
        "parameters": 26,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"activation": "identity", "in_features": 5, "hidden_features": 2, "bias": True},
        "parameters": 33,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {
            "activation": "identity",
            "in_features": 5,
            "hidden_features": 2,
            "out_features": 1,
        },
        "parameters": 22,
        "redundancy": 8,
        "algebra": "distribution of rank 8, no finite-dimensional algebra claimed",
        "orbit_dimension": 8,
    },
]

REFERENCE = "N. Shazeer, GLU Variants Improve Transformer, arXiv:2002.05202 (2020)"
