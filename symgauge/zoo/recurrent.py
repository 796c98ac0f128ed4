"""Recurrent network: h_t = cell(x_t, h_(t-1)), y_t = W_y h_t + b_y, h_0 = 0, over a few steps.

The cell is torch's RNN, GRU or LSTM cell, or the linear state space h <- A h + B x. torch's cells
have two biases, which only matter by their sum, but for the new gate of the GRU, whose second
bias is gated. The state of the linear state space changes basis by GL(n).
"""

from typing import Any

import torch
from torch import Tensor

CELLS = ("rnn", "gru", "lstm", "state_space")


class StateSpaceCell(torch.nn.Module):
    """h <- A h + B x, A = weight_hh and B = weight_ih."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__()
        scale = hidden_size**-0.5
        self.weight_ih = torch.nn.Parameter(torch.randn(hidden_size, input_size) * scale)
        self.weight_hh = torch.nn.Parameter(torch.randn(hidden_size, hidden_size) * scale)

    def forward(self, x: Tensor, h: Tensor) -> Tensor:
        return x @ self.weight_ih.T + h @ self.weight_hh.T


class Recurrent(torch.nn.Module):
    """Outputs (batch, steps, output_size) from inputs of shape (batch, steps, input_size)."""

    def __init__(
        self, input_size: int, hidden_size: int, output_size: int, cell: str, bias: bool
    ) -> None:
        super().__init__()
        self.cell: torch.nn.Module
        if cell == "state_space":
            self.cell = StateSpaceCell(input_size, hidden_size)
        else:
            kinds = {"rnn": torch.nn.RNNCell, "gru": torch.nn.GRUCell, "lstm": torch.nn.LSTMCell}
            self.cell = kinds[cell](input_size, hidden_size, bias=bias)
        self.out_proj = torch.nn.Linear(hidden_size, output_size, bias=bias)
        self.hidden_size, self.kind = hidden_size, cell

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[0], self.hidden_size)
        memory = torch.zeros_like(h)
        outputs = []
        for step in x.unbind(dim=1):
            if self.kind == "lstm":
                h, memory = self.cell(step, (h, memory))
            else:
                h = self.cell(step, h)
            outputs.append(self.out_proj(h))
        return torch.stack(outputs, dim=1)


def factory(
    input_size: int = 2,
    hidden_size: int = 3,
    output_size: int = 2,
    steps: int = 4,
    cell: str = "rnn",
    bias: bool = True,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The network, and one input of shape (1, steps, input_size).

    `bias` says whether the cell and the output have them; a state space cell has none.
    """
    if cell not in CELLS:
        raise ValueError(f"cell {cell!r} is none of {', '.join(CELLS)}")
    x = torch.randn(1, steps, input_size, generator=torch.Generator().manual_seed(0))
    return Recurrent(input_size, hidden_size, output_size, cell, bias), (x,)


FULL: dict[str, Any] = {"input_size": 512, "hidden_size": 1024, "output_size": 512, "steps": 8}

EXPECTED: list[dict[str, Any]] = [
    {"sizes": {}, "parameters": 29, "redundancy": 3, "algebra": "R^3", "orbit_dimension": 3},
    {
        "sizes": {"cell": "gru"},
        "parameters": 71,
        "redundancy": 6,
        "algebra": "R^6",
        "orbit_dimension": 6,
    },
    {
        "sizes": {"cell": "lstm"},
        "parameters": 92,
        "redundancy": 12,
        "algebra": "R^12",
        "orbit_dimension": 12,
    },
    {
        "sizes": {"cell": "state_space"},
        "parameters": 23,
        "redundancy": 9,
        "algebra": "gl(3,R)",
        "orbit_dimension": 9,
    },
    {
        "sizes": {"bias": False},
        "parameters": 21,
        "redundancy": 0,
        "algebra": "0",
        "orbit_dimension": 0,
    },
    {
        "sizes": {"cell": "lstm", "hidden_size": 4},
        "parameters": 138,
        "redundancy": 16,
        "algebra": "R^16",
        "orbit_dimension": 16,
    },
    {
        "sizes": {"cell": "state_space", "bias": False, "hidden_size": 4, "steps": 5},
        "parameters": 32,
        "redundancy": 16,
        "algebra": "gl(4,R)",
        "orbit_dimension": 16,
    },
]

REFERENCE = (
    "J. L. Elman, Finding Structure in Time, Cognitive Science 14 (1990) 179; S. Hochreiter, "
    "J. Schmidhuber, Long Short-Term Memory, Neural Computation 9 (1997) 1735; K. Cho et al., "
    "Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014 (GRU); R. E. Kalman, "
    "Mathematical Description of Linear Dynamical Systems, SIAM J. Control 1 (1963) 152 (GL(n))"
)
