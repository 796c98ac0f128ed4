"""Layers in a row: functions, powers, tied weights, at widths below, at and above each bound.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from hidden_networks import chain, widths
from published_rows import ACTS, Table, add, net
from torch import Tensor

TABLE: Table = {}
_row = partial(add, TABLE)

# Layers in a row


def _net(act: str, *sizes: int, bias: str = "") -> None:
    name = f"{act} {'-'.join(map(str, sizes))}" + (f" bias {bias}" if bias else "")
    _row(name, widths(*sizes, bias=bias), partial(net, act=ACTS[act]), 1, sizes[0])


_net("relu", 2, 3, 3, 1, bias="123")
_net("relu", 1, 4, 1, bias="12")
_net("relu", 3, 2, 2, bias="12")
_net("relu", 2, 3, 2, 2, 1)
_net("relu", 3, 4, 4, 3, bias="123")
_net("leaky", 2, 3, 3, 2, bias="12")
_net("leaky", 1, 3, 2)
_net("abs", 3, 4, 2, bias="1")
_net("abs", 2, 3, 2, 1, bias="12")
_net("relu-squared", 3, 4, 2)
_net("relu-squared", 2, 3, 1, bias="1")
_net("relu6", 3, 3, 2, bias="12")
_net("hardtanh", 2, 3, 2, bias="12")
_net("hardswish", 3, 3, 2, bias="12")
_net("gelu", 3, 4, 2)
_net("gelu", 1, 3, 1, bias="12")
_net("gelu-tanh", 2, 3, 2)
_net("silu", 2, 3, 2, 1, bias="1")
_net("silu", 4, 2, 3)
_net("mish", 2, 3, 2)
_net("elu", 3, 3, 2, bias="12")
_net("selu", 2, 3, 2)
_net("celu", 2, 3, 2, bias="1")
_net("softplus", 2, 3, 2, bias="12")
_net("softsign", 2, 3, 2, bias="12")
_net("tanhshrink", 3, 2, 2)
_net("tanh", 3, 5, 1)
_net("tanh", 2, 2, 2, 2, 2)
_net("sigmoid", 3, 4, 2, bias="12")
_net("sigmoid", 2, 3, 3, 1, bias="3")
_net("sin", 3, 4, 2, bias="1")
_net("sin", 2, 3, 2, 2)
_net("cos", 3, 4, 1)
_net("gauss", 2, 3, 2, bias="12")
_net("atan", 2, 3, 2, bias="12")
_net("erf", 2, 3, 2)
_net("snake", 2, 3, 2)
_net("log-cosh", 2, 3, 2)
_net("exp", 3, 4, 2)
_net("exp", 3, 4, 2, bias="1")
_net("exp", 2, 3, 1, bias="12")
for _bias, _sizes in (
    ("", (3, 4, 2)),
    ("", (2, 5, 3)),
    ("", (5, 2, 3)),
    ("", (1, 1, 1, 1)),
    ("", (3, 3, 3, 3)),
    ("", (2, 4, 4, 2)),
    ("", (5, 2, 2, 5)),
    ("2", (3, 2, 4)),
    ("12", (2, 3, 4)),
    ("123", (3, 2, 2, 3)),
    ("13", (4, 3, 2, 3)),
    ("1", (3, 4, 2)),
    ("", (4, 1, 3, 2)),
    ("", (1, 3, 3, 3, 1)),
):
    _net("linear", *_sizes, bias=_bias)


def _power(power: int, *sizes: int, bias: str = "") -> None:
    name = f"x^{power} {'-'.join(map(str, sizes))}" + (f" bias {bias}" if bias else "")
    _row(name, widths(*sizes, bias=bias), partial(chain, power=power, bias=bias), 1, sizes[0])


for _sizes in (
    (3, 2, 1),
    (3, 3, 1),
    (4, 5, 1),
    (3, 2, 2),
    (3, 3, 2),
    (3, 4, 2),
    (2, 2, 3),
    (3, 5, 3),
    (4, 3, 5),
    (3, 7, 2),
    (3, 2, 2, 1),
    (2, 2, 2, 2),
    (3, 3, 3, 1),
    (4, 4, 2, 2),
    (2, 3, 2, 1),
):
    _power(2, *_sizes)
for _sizes in (
    (3, 2, 1),
    (3, 4, 1),
    (3, 5, 1),
    (2, 2, 1),
    (2, 3, 1),
    (4, 4, 1),
    (4, 5, 1),
    (3, 3, 3),
    (2, 4, 3),
    (2, 2, 2, 1),
    (3, 2, 2, 2),
    (2, 3, 3),
    (5, 7, 2),
):
    _power(3, *_sizes)
for _sizes in (
    (2, 2, 1),
    (2, 3, 1),
    (3, 4, 1),
    (3, 6, 1),
    (4, 9, 1),
    (3, 5, 2),
    (2, 5, 2),
    (2, 2, 2, 1),
):
    _power(4, *_sizes)
_power(5, 2, 3, 1)
_power(5, 2, 4, 2)
_power(2, 3, 3, 2, bias="1")
_power(2, 2, 3, 1, bias="12")
_power(2, 2, 2, 2, bias="12")
_power(3, 2, 2, 1, bias="1")
_power(3, 2, 3, 2, bias="12")
_power(3, 1, 3, 1, bias="12")
_net("quadratic", 3, 3, 2)
_net("quadratic", 2, 3, 1, bias="12")
_net("quartic", 2, 3, 2)


def tied(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor]) -> Tensor:
    h = x @ p.W.T
    h = act(h + p.b if hasattr(p, "b") else h)
    y = h @ p.W
    return y + p.c if hasattr(p, "c") else y


_row("tied linear 4-2", "W:2x4", partial(tied, act=ACTS["linear"]), 1, 4)
_row("tied linear 3-4", "W:4x3", partial(tied, act=ACTS["linear"]), 1, 3)
_row("tied linear 3-2 bias", "W:2x3 b:2 c:3", partial(tied, act=ACTS["linear"]), 1, 3)
_row("tied relu 3-4 bias", "W:4x3 b:4 c:3", partial(tied, act=torch.relu), 1, 3)
_row("tied sigmoid 3-2 bias", "W:2x3 b:2 c:3", partial(tied, act=torch.sigmoid), 1, 3)
_row("tied square 3-3", "W:3x3", partial(tied, act=lambda z: z**2), 1, 3)
