"""Deep set: y = rho(sum_i phi(x_i)) for a set of n elements, phi and rho two-layer networks.

The pooled vector changes basis by GL(latent) between phi's last and rho's first map, and phi's
last bias, n times over, trades against rho's first; ReLU units scale.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.nn.functional.relu,
    "tanh": torch.tanh,
}
POOLS = ("sum", "mean")


class TwoLayers(torch.nn.Module):
    """W_2 act(W_1 x + b_1) + b_2."""

    def __init__(
        self,
        in_features: int,
        hidden_features: int,
        out_features: int,
        activation: str,
        bias: bool,
    ) -> None:
        super().__init__()
        self.fc1 = torch.nn.Linear(in_features, hidden_features, bias=bias)
        self.fc2 = torch.nn.Linear(hidden_features, out_features, bias=bias)
        self.activation = ACTIVATIONS[activation]

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(self.activation(self.fc1(x)))  # type: ignore[no-any-return]


class DeepSet(torch.nn.Module):
    """A function of sets on inputs of shape (batch, elements, in_features)."""

    def __init__(self, phi: TwoLayers, rho: TwoLayers, pool: str) -> None:
        super().__init__()
        self.phi, self.rho, self.pool = phi, rho, pool

    def forward(self, x: Tensor) -> Tensor:
        features = self.phi(x)
        pooled = features.sum(dim=1) if self.pool == "sum" else features.mean(dim=1)
        return self.rho(pooled)  # type: ignore[no-any-return]


def factory(
    in_features: int = 2,
    hidden_features: int = 3,
    latent_features: int = 2,
    out_features: int = 2,
    elements: int = 3,
    activation: str = "relu",
    pool: str = "sum",
    bias: bool = True,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The function, and one set of shape (1, elements, in_features)."""
    if activation not in ACTIVATIONS:
        raise ValueError(f"activation {activation!r} is none of {', '.join(ACTIVATIONS)}")
    if pool not in POOLS:
        raise ValueError(f"pool {pool!r} is none of {', '.join(POOLS)}")
    phi = TwoLayers(in_features, hidden_features, latent_features, activation, bias)
    rho = TwoLayers(latent_features, hidden_features, out_features, activation, bias)
    x = torch.randn(1, elements, in_features, generator=torch.Generator().manual_seed(0))
    return DeepSet(phi, rho, pool), (x,)


# As many elements as in the small sizes: their number is the weight by which biases trade.
FULL: dict[str, Any] = {
    "in_features": 3,
    "hidden_features": 512,
    "latent_features": 256,
    "out_features": 40,
}

EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 34,
        "redundancy": 12,
        "algebra": "aff(2,R) + R^6",
        "orbit_dimension": 12,
    },
    {
        "sizes": {"pool": "mean"},
        "parameters": 34,
        "redundancy": 12,
        "algebra": "aff(2,R) + R^6",
        "orbit_dimension": 12,
    },
    {
        "sizes": {"bias": False},
        "parameters": 24,
        "redundancy": 10,
        "algebra": "gl(2,R) + R^6",
        "orbit_dimension": 10,
    },
    {
        "sizes": {"activation": "tanh"},
        "parameters": 34,
        "redundancy": 6,
        "algebra": "aff(2,R)",
        "orbit_dimension": 6,
    },
    {
        "sizes": {"in_features": 3, "hidden_features": 4, "out_features": 3},
        "parameters": 53,
        "redundancy": 14,
        "algebra": "aff(2,R) + R^8",
        "orbit_dimension": 14,
    },
]

REFERENCE = (
    "M. Zaheer et al., Deep Sets, NeurIPS 2017; the full sizes are of the order of its point cloud "
    "classifier's, but for the size of the sets"
)
