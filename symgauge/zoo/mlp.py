"""Multilayer perceptron: x -> W_L act(... act(W_1 x + b_1) ...) + b_L, acting on rows.

Its gauge group depends on the activation: positive scalings of each hidden unit for ReLU, shifts
of each hidden bias for exp, GL of each hidden layer for the identity, nothing for tanh or GELU.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.nn.functional.relu,
    "leaky_relu": torch.nn.functional.leaky_relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "gelu": torch.nn.functional.gelu,
    "silu": torch.nn.functional.silu,
    "softplus": torch.nn.functional.softplus,
    "exp": torch.exp,
    "square": lambda z: z**2,
    "cube": lambda z: z**3,
    "identity": lambda z: z,
}


class MLP(torch.nn.Module):
    """Linear layers with one activation between them, none after the last."""

    def __init__(self, widths: list[int], activation: str, bias: bool) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(
            torch.nn.Linear(before, after, bias=bias) for before, after in pairwise(widths)
        )
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        *hidden, last = self.layers
        for layer in hidden:
            x = self.activation(layer(x))
        return last(x)  # type: ignore[no-any-return]


def factory(
    in_features: int = 3,
    hidden_features: int = 4,
    out_features: int = 2,
    num_hidden_layers: int = 1,
    activation: str = "relu",
    bias: bool = True,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The MLP with `num_hidden_layers` layers of equal width, and one input of shape (1, in)."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation {activation!r} is none of {', '.join(ACTIVATIONS)}")
    widths = [in_features, *[hidden_features] * num_hidden_layers, out_features]
    x = torch.randn(1, in_features, generator=torch.Generator().manual_seed(0))
    return MLP(widths, activation, bias), (x,)


FULL: dict[str, Any] = {
    "in_features": 784,
    "hidden_features": 1024,
    "out_features": 10,
}

# gl(n) acting on a layer with bias is aff(n). With one
# output the square hides O(p, q) of the quadratic form, which no family of fixed matrices spans.
EXPECTED: list[dict[str, Any]] = [
    {"sizes": {}, "parameters": 26, "redundancy": 4, "algebra": "R^4", "orbit_dimension": 4},
    {
        "sizes": {"bias": False},
        "parameters": 20,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"num_hidden_layers": 2},
        "parameters": 46,
        "redundancy": 8,
        "algebra": "R^8",
        "orbit_dimension": 8,
    },
    {
        "sizes": {"activation": "leaky_relu"},
        "parameters": 26,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"activation": "tanh"},
        "parameters": 26,
        "redundancy": 0,
        "algebra": "0",
        "orbit_dimension": 0,
    },
    {
        "sizes": {"activation": "sigmoid"},
        "parameters": 26,
        "redundancy": 0,
        "algebra": "0",
        "orbit_dimension": 0,
    },
    {
        "sizes": {"activation": "gelu"},
        "parameters": 26,
        "redundancy": 0,
        "algebra": "0",
        "orbit_dimension": 0,
    },
    {
        "sizes": {"activation": "silu"},
        "parameters": 26,
        "redundancy": 0,
        "algebra": "0",
        "orbit_dimension": 0,
    },
    {
        "sizes": {"activation": "softplus"},
        "parameters": 26,
        "redundancy": 0,
        "algebra": "0",
        "orbit_dimension": 0,
    },
    {
        "sizes": {"activation": "exp"},
        "parameters": 26,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"activation": "exp", "bias": False},
        "parameters": 20,
        "redundancy": 0,
        "algebra": "0",
        "orbit_dimension": 0,
    },
    {
        "sizes": {"activation": "exp", "hidden_features": 2, "num_hidden_layers": 2},
        "parameters": 20,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {
            "activation": "square",
            "in_features": 5,
            "hidden_features": 3,
            "out_features": 3,
        },
        "parameters": 30,
        "redundancy": 3,
        "algebra": "R^3",
        "orbit_dimension": 3,
    },
    {
        "sizes": {
            "activation": "square",
            "in_features": 5,
            "hidden_features": 3,
            "out_features": 1,
            "bias": False,
        },
        "parameters": 18,
        "redundancy": 6,
        "algebra": "distribution of rank 6, no finite-dimensional algebra claimed",
        "orbit_dimension": 6,
    },
    {
        "sizes": {"activation": "cube"},
        "parameters": 26,
        "redundancy": 4,
        "algebra": "R^4",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"activation": "identity", "hidden_features": 2, "out_features": 3, "bias": False},
        "parameters": 12,
        "redundancy": 4,
        "algebra": "gl(2,R)",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"activation": "identity", "hidden_features": 2, "out_features": 3},
        "parameters": 17,
        "redundancy": 6,
        "algebra": "aff(2,R)",
        "orbit_dimension": 6,
    },
]

REFERENCE = (
    "B. Neyshabur, R. Salakhutdinov, N. Srebro, Path-SGD: Path-Normalized Optimization in Deep "
    "Neural Networks, NeurIPS 2015 (rescaling of ReLU units); H. J. Sussmann, Uniqueness of the "
    "weights for minimal feedforward nets with a given input-output map, Neural Networks 5 "
    "(1992) 589 (tanh: only signs and permutations)"
)
