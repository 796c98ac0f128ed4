"""Linear neural ODE: z = W_in x, Euler steps z <- z + A z / steps, y = W_out z.

The output is y at the end, or along the trajectory. The state changes basis: W_in -> g W_in,
A -> g A g^-1, W_out -> W_out g^-1. Where only the end is seen, the flow is one matrix between W_in
and W_out, which absorb it: all of A is gauge.
"""

from typing import Any

import torch
from torch import Tensor


class LinearNeuralODE(torch.nn.Module):
    """dz/dt = A z on [0, 1] between two linear maps, on inputs of shape (batch, in_features)."""

    def __init__(
        self,
        in_features: int,
        state_size: int,
        out_features: int,
        steps: int,
        trajectory: bool,
    ) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(in_features, state_size, bias=False)
        self.vector_field = torch.nn.Linear(state_size, state_size, bias=False)
        self.decoder = torch.nn.Linear(state_size, out_features, bias=False)
        self.steps, self.trajectory = steps, trajectory

    def forward(self, x: Tensor) -> Tensor:
        z = self.encoder(x)
        states = [z]
        for _ in range(self.steps):
            z = z + self.vector_field(z) / self.steps
            states.append(z)
        seen = torch.stack(states, dim=1) if self.trajectory else z
        return self.decoder(seen)  # type: ignore[no-any-return]


def factory(
    in_features: int = 4,
    state_size: int = 3,
    out_features: int = 5,
    steps: int = 4,
    trajectory: bool = False,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The model, and one input of shape (1, in_features).

    The output is (1, out_features), or (1, steps + 1, out_features) along the trajectory.
    """
    x = torch.randn(1, in_features, generator=torch.Generator().manual_seed(0))
    return LinearNeuralODE(in_features, state_size, out_features, steps, trajectory), (x,)


FULL: dict[str, Any] = {
    "in_features": 784,
    "state_size": 256,
    "out_features": 512,
    "steps": 8,
}

EXPECTED: list[dict[str, Any]] = [
    {
        "sizes": {},
        "parameters": 36,
        "redundancy": 18,
        "algebra": "distribution of rank 11, no finite-dimensional algebra claimed",
        "orbit_dimension": None,
    },
    {
        "sizes": {"trajectory": True},
        "parameters": 36,
        "redundancy": 9,
        "algebra": "gl(3,R)",
        "orbit_dimension": 9,
    },
    {
        "sizes": {"state_size": 2, "trajectory": True},
        "parameters": 22,
        "redundancy": 4,
        "algebra": "gl(2,R)",
        "orbit_dimension": 4,
    },
    {
        "sizes": {"state_size": 2},
        "parameters": 22,
        "redundancy": 8,
        "algebra": "distribution of rank 8, no finite-dimensional algebra claimed",
        "orbit_dimension": 8,
    },
    {
        "sizes": {"steps": 1, "trajectory": True},
        "parameters": 36,
        "redundancy": 9,
        "algebra": "gl(3,R)",
        "orbit_dimension": 9,
    },
]

REFERENCE = (
    "R. T. Q. Chen et al., Neural Ordinary Differential Equations, NeurIPS 2018; K. Hashimoto, "
    "Y. Hirono, A. Sannai, Mach. Learn.: Sci. Technol. 5 (2024) 025079 (the gauge symmetry)"
)
