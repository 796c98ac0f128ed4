"""Small modules on which a check is easily wrong: dead units, norms, training mode, two outputs."""

import torch
from torch import Tensor, nn

Made = tuple[nn.Module, tuple[Tensor, ...]]


def relus(d: int = 4, n: int = 5, out: int = 3, rows: int = 1) -> Made:
    """Linear, ReLU, ReLU, Linear: of one input, all units may be dead."""
    layers = nn.Linear(d, n), nn.ReLU(), nn.ReLU(), nn.Linear(n, out)
    return nn.Sequential(*layers), (torch.randn(rows, d),)


def two_units(d: int = 3, n: int = 2, out: int = 2) -> Made:
    """Two units and one input: often dead, and as often linear."""
    return relus(d, n, out)


class GroupNormed(nn.Module):
    """b(relu(GroupNorm(a(x))))"""

    def __init__(self, d: int, n: int, groups: int) -> None:
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(d, n), nn.GroupNorm(groups, n), nn.Linear(n, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.relu(self.norm(self.a(x))))  # type: ignore[no-any-return]


def group_norm(d: int = 3, n: int = 6, groups: int = 2) -> Made:
    return GroupNormed(d, n, groups), (torch.randn(1, d),)


class BatchNormed(nn.Module):
    """b(tanh(BatchNorm(a(x))))"""

    def __init__(self, d: int, n: int) -> None:
        super().__init__()
        self.a, self.norm, self.b = nn.Linear(d, n), nn.BatchNorm1d(n), nn.Linear(n, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.tanh(self.norm(self.a(x))))  # type: ignore[no-any-return]


def batch_norm_in_training(d: int = 3, n: int = 4, rows: int = 6) -> Made:
    """The statistics are those of the batch: the bias before the norm is gauge."""
    return BatchNormed(d, n), (torch.randn(rows, d),)


def batch_norm_frozen(d: int = 3, n: int = 4, rows: int = 6) -> Made:
    """The same in evaluation mode, below a module that is in training mode."""
    module = nn.Sequential(BatchNormed(d, n), nn.Identity())
    module[0].eval()
    return module, (torch.randn(rows, d),)


class TwoHeads(nn.Module):
    """Two outputs of one hidden layer."""

    def __init__(self, d: int, n: int) -> None:
        super().__init__()
        self.hidden, self.head, self.value = nn.Linear(d, n), nn.Linear(n, 2), nn.Linear(n, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = torch.relu(self.hidden(x))
        return self.head(h), self.value(h)


def two_heads(d: int = 3, n: int = 4) -> Made:
    return TwoHeads(d, n), (torch.randn(3, d),)


class Held(nn.Module):
    """b(c h(a(x))): a function holds the parameter c, which a call by names does not reach."""

    def __init__(self, d: int, n: int) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(d, n), nn.Linear(n, 2)
        c = self.c = nn.Parameter(torch.randn(n))
        self.function = lambda z: c * torch.tanh(z)

    def forward(self, x: Tensor) -> Tensor:
        return self.b(self.function(self.a(x)))  # type: ignore[no-any-return]


def held_by_a_function(d: int = 3, n: int = 4) -> Made:
    return Held(d, n), (torch.randn(3, d),)


class Signs(nn.Module):
    """b(sign(t) a(x)): where all signs are alike, any matrix goes from a to b."""

    def __init__(self, d: int, n: int) -> None:
        super().__init__()
        self.a, self.b, self.t = nn.Linear(d, n), nn.Linear(n, 2), nn.Parameter(torch.randn(n))

    def forward(self, x: Tensor) -> Tensor:
        return self.b(torch.where(self.t > 0, 1.0, -1.0) * self.a(x))  # type: ignore[no-any-return]


def signs(d: int = 3, n: int = 2) -> Made:
    return Signs(d, n), (torch.randn(3, d),)
