"""torch.nn.GRUCell over a few steps from a zero state, read by a linear layer."""

import torch
from torch import Tensor


class Unrolled(torch.nn.Module):
    """A GRUCell over the steps of x, shape (steps, 1, input)."""

    def __init__(self, input_size: int, hidden_size: int, output_size: int) -> None:
        super().__init__()
        self.cell = torch.nn.GRUCell(input_size, hidden_size)
        self.readout = torch.nn.Linear(hidden_size, output_size)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(1, self.cell.hidden_size)
        outputs = []
        for step in x:
            state = self.cell(step, state)
            outputs.append(self.readout(state))
        return torch.stack(outputs)


def factory(
    input_size: int = 2, hidden_size: int = 2, output_size: int = 2, steps: int = 3
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    x = torch.randn(steps, 1, input_size, generator=torch.Generator().manual_seed(0))
    return Unrolled(input_size, hidden_size, output_size), (x,)


FULL = {"input_size": 128, "hidden_size": 256, "output_size": 64, "steps": 16}
