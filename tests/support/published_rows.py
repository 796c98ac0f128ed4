"""What the tables of published kinds are made of: a row, functions of a unit, layers in a row."""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from known_networks import real
from torch import Tensor
from torch.nn import functional as F

Formula = Callable[..., Tensor]
#: Name: parameter shapes, formula, example.
Table = dict[str, tuple[str, Formula, tuple[Tensor, ...]]]


def add(table: Table, name: str, shapes: str, formula: Formula, *example: int) -> None:
    """A row whose input is of the shape `example`."""
    table[name] = shapes, formula, (real(*example),)


ACTS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "leaky": partial(F.leaky_relu, negative_slope=0.1),
    "gelu": F.gelu,
    "gelu-tanh": partial(F.gelu, approximate="tanh"),
    "silu": F.silu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "sin": torch.sin,
    "cos": torch.cos,
    "exp": torch.exp,
    "abs": torch.abs,
    "softplus": F.softplus,
    "elu": F.elu,
    "selu": F.selu,
    "mish": F.mish,
    "hardswish": F.hardswish,
    "relu6": F.relu6,
    "relu-squared": lambda z: torch.relu(z) ** 2,
    "gauss": lambda z: torch.exp(-(z**2)),
    "atan": torch.atan,
    "erf": torch.erf,
    "linear": lambda z: z,
    "quartic": lambda z: z**2 + z**4,
    "quadratic": lambda z: z**2 + z,
    "snake": lambda z: z + torch.sin(z) ** 2,
    "log-cosh": lambda z: torch.log(torch.cosh(z)),
    "softsign": F.softsign,
    "tanhshrink": F.tanhshrink,
    "hardtanh": F.hardtanh,
    "celu": partial(F.celu, alpha=1.3),
}


def net(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor]) -> Tensor:
    """x W1^T + b1, act, ...; layers without a bias have none."""
    layers = sorted(n for n in dict(p.named_parameters()) if n.startswith("W"))
    for name in layers:
        x = x @ getattr(p, name).T
        if hasattr(p, "b" + name[1:]):
            x = x + getattr(p, "b" + name[1:])
        if name != layers[-1]:
            x = act(x)
    return x
