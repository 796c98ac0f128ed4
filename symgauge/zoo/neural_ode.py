"""Neural ODE: dz/dt = W_2 tanh(W_1 z + b_1) + b_2 from 0 to 1, read by y = W z(1) + b.

The state starts at [x, 0, ..., 0] (an augmented neural ODE), or at a linear map of x. Of a change
of basis z -> g z + c that the field and W, b take up, a start that is x with zeros lets those g
through that fix [x, 0]: k (n + k) dimensions for n entries of x and k zeros; behind a linear map
all of aff(n + k). Needs torchdiffeq where it runs.
"""

from typing import Any

import torch
from torch import Tensor

from symgauge.nn import OdeFlow


class Field(torch.nn.Module):
    """W_2 tanh(W_1 z + b_1) + b_2, the time t beside z where it is read."""

    def __init__(self, state_size: int, width: int, reads_time: bool) -> None:
        super().__init__()
        self.reads_time = reads_time
        self.into = torch.nn.Linear(state_size + reads_time, width)
        self.out = torch.nn.Linear(width, state_size)

    def forward(self, t: Tensor, z: Tensor) -> Tensor:
        if self.reads_time:
            z = torch.cat([z, t.expand(*z.shape[:-1], 1)], dim=-1)
        return self.out(torch.tanh(self.into(z)))  # type: ignore[no-any-return]


class NeuralODE(torch.nn.Module):
    """The flow of the field on inputs of shape (batch, in_features)."""

    def __init__(
        self, in_features: int, augment_dim: int, width: int, out_features: int, encoder: bool,
        reads_time: bool,
    ) -> None:
        super().__init__()
        state_size = in_features + augment_dim
        self.augment_dim = augment_dim
        self.encoder = torch.nn.Linear(in_features, state_size) if encoder else None
        self.flow = OdeFlow(
            Field(state_size, width, reads_time), method="rk4", options={"step_size": 1 / 16})
        self.decoder = torch.nn.Linear(state_size, out_features)

    def forward(self, x: Tensor) -> Tensor:
        if self.encoder is not None:
            start = self.encoder(x)
        else:
            start = torch.cat([x, x.new_zeros(*x.shape[:-1], self.augment_dim)], dim=-1)
        return self.decoder(self.flow(start))  # type: ignore[no-any-return]


def factory(
    in_features: int = 2,
    augment_dim: int = 1,
    width: int = 3,
    out_features: int = 3,
    encoder: bool = False,
    reads_time: bool = False,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The model, and one input of shape (1, in_features). The output is (1, out_features)."""
    x = torch.randn(1, in_features, generator=torch.Generator().manual_seed(0))
    return NeuralODE(in_features, augment_dim, width, out_features, encoder, reads_time), (x,)


FULL: dict[str, Any] = {
    "in_features": 64,
    "augment_dim": 16,
    "width": 256,
    "out_features": 10,
}

EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 36,
        "redundancy": 3,
        "algebra": "R |x R^2",
        "orbit_dimension": 3,
    },
    {
        "sizes": {"in_features": 1, "augment_dim": 2},
        "parameters": 36,
        "redundancy": 6,
        "algebra": "aff(2,R)",
        "orbit_dimension": 6,
    },
    {
        "sizes": {"augment_dim": 2, "width": 4},
        "parameters": 55,
        "redundancy": 8,
        "algebra": "gl(2,R) |x (R^2)^2",
        "orbit_dimension": 8,
    },
    {
        "sizes": {"augment_dim": 0},
        "parameters": 26,
        "redundancy": 0,
        "algebra": "0",
        "orbit_dimension": 0,
    },
    {
        "sizes": {"encoder": True, "augment_dim": 0},
        "parameters": 32,
        "redundancy": 6,
        "algebra": "aff(2,R)",
        "orbit_dimension": 6,
    },
    {
        "sizes": {"encoder": True, "augment_dim": 0, "reads_time": True},
        "parameters": 35,
        "redundancy": 8,
        "algebra": "gl(2,R) |x (R^2)^2",
        "orbit_dimension": 8,
    },
]

REFERENCE = (
    "R. T. Q. Chen et al., Neural Ordinary Differential Equations, NeurIPS 2018; E. Dupont, "
    "A. Doucet, Y. W. Teh, Augmented Neural ODEs, NeurIPS 2019"
)
