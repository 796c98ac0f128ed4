"""Modules of torch itself.

`MODULES[name]()` returns `(module, args)`.
"""

from collections.abc import Callable
from typing import Any

import torch
from known_networks import Factory, real
from torch import Tensor


class Module(torch.nn.Module):
    def __init__(self, inner: torch.nn.Module, pick: Callable[[Any], Tensor]) -> None:
        super().__init__()
        self.inner, self.pick = inner, pick

    def forward(self, x: Tensor) -> Tensor:
        return self.pick(self.inner(x))


MODULES: dict[str, Factory] = {
    "torch rnn": lambda: (Module(torch.nn.RNN(2, 2), lambda y: y[0]), (real(3, 2),)),
    "torch gru": lambda: (Module(torch.nn.GRU(2, 2), lambda y: y[0]), (real(3, 2),)),
    "torch lstm": lambda: (Module(torch.nn.LSTM(2, 2), lambda y: y[0]), (real(3, 2),)),
    "torch lstm projected": lambda: (
        Module(torch.nn.LSTM(2, 3, proj_size=2), lambda y: y[0]),
        (real(3, 2),),
    ),
    "torch bilinear": lambda: (Two(torch.nn.Bilinear(3, 2, 2)), (real(1, 3), real(1, 2))),
    "torch encoder layer": lambda: (
        torch.nn.TransformerEncoderLayer(4, 2, 3, 0.0, batch_first=True),
        (real(1, 3, 4),),
    ),
    "torch batch norm": lambda: (
        torch.nn.Sequential(
            torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4), torch.nn.ReLU(), torch.nn.Linear(4, 2)
        ).eval(),
        (real(1, 3),),
    ),
    "torch prelu": lambda: (
        torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.PReLU(), torch.nn.Linear(3, 2)),
        (real(1, 3),),
    ),
    "torch prelu units": lambda: (
        torch.nn.Sequential(torch.nn.Linear(3, 3), torch.nn.PReLU(3), torch.nn.Linear(3, 2)),
        (real(1, 3),),
    ),
    "torch conv net": lambda: (
        torch.nn.Sequential(
            torch.nn.Conv2d(1, 2, 2),
            torch.nn.ReLU(),
            torch.nn.MaxPool2d(2, 1),
            torch.nn.Flatten(),
            torch.nn.Linear(8, 2),
        ),
        (real(1, 1, 4, 4),),
    ),
    "torch glu": lambda: (
        torch.nn.Sequential(torch.nn.Linear(3, 6), torch.nn.GLU(), torch.nn.Linear(3, 2)),
        (real(1, 3),),
    ),
    "torch weight norm": lambda: (
        torch.nn.Sequential(
            torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(3, 3)),
            torch.nn.ReLU(),
            torch.nn.Linear(3, 2),
        ),
        (real(1, 3),),
    ),
    "torch residual": lambda: (Residual(), (real(1, 3),)),
}


class Two(torch.nn.Module):
    def __init__(self, inner: torch.nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        return self.inner(x, y)


class Residual(torch.nn.Module):
    """Two pre-norm blocks between an embedding and a head."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.head = torch.nn.Linear(3, 4), torch.nn.Linear(4, 2)
        self.norms = torch.nn.ModuleList(torch.nn.LayerNorm(4) for _ in range(2))
        self.blocks = torch.nn.ModuleList(
            torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 4))
            for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = self.embed(x)
        for norm, block in zip(self.norms, self.blocks):
            x = x + block(norm(x))
        return self.head(x)
