"""Convolutions: filters, strides, groups, circular ones, pools.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from published_rows import ACTS, Table, add
from torch import Tensor
from torch.nn import functional as F

TABLE: Table = {}
_row = partial(add, TABLE)

# Convolutions


def conv(
    p: Any,
    x: Tensor,
    *,
    act: Callable[[Tensor], Tensor] = ACTS["linear"],
    strides: tuple[int, ...] = (1, 1, 1),
    groups: tuple[int, ...] = (1, 1, 1),
    circular: bool = False,
    pool: str = ""
) -> Tensor:
    names = sorted(n for n in dict(p.named_parameters()) if n.startswith("K"))
    for j, name in enumerate(names):
        kernel, plane = getattr(p, name), getattr(p, name).dim() == 4
        if circular:
            w = kernel.shape[-1] - 1
            x = F.pad(x, (0, w, 0, w) if plane else (0, w), mode="circular")
        x = (F.conv2d if plane else F.conv1d)(
            x, kernel, getattr(p, "b" + name[1:], None), strides[j], 0, 1, groups[j]
        )
        if j < len(names) - 1:
            x = act(x)
            if pool == "max":
                x = (F.max_pool2d if plane else F.max_pool1d)(x, 2, 1)
            if pool == "avg":
                x = (F.avg_pool2d if plane else F.avg_pool1d)(x, 2)
    if pool == "global":
        x = x.flatten(2).mean(-1)
    return x @ p.W.T if hasattr(p, "W") else x


_row("conv filters 2 2 2", "K1:1x1x2 K2:1x1x2 K3:1x1x2", conv, 1, 1, 6)
_row("conv filters 3 3", "K1:1x1x3 K2:1x1x3", conv, 1, 1, 7)
_row("conv strides 2 1", "K1:1x1x3 K2:1x1x2", partial(conv, strides=(2, 1)), 1, 1, 9)
_row("conv strides 2 2 filters 2 2", "K1:1x1x2 K2:1x1x2", partial(conv, strides=(2, 2)), 1, 1, 8)
_row("conv strides 3 1", "K1:1x1x2 K2:1x1x3", partial(conv, strides=(3, 1)), 1, 1, 12)
_row("conv square filters 2 2", "K1:1x1x2 K2:1x1x2", partial(conv, act=lambda z: z**2), 1, 1, 5)
_row(
    "conv square filters 2 2 2",
    "K1:1x1x2 K2:1x1x2 K3:1x1x2",
    partial(conv, act=lambda z: z**2),
    1,
    1,
    6,
)
_row("conv cube channels 2", "K1:2x1x2 K2:1x2x2", partial(conv, act=lambda z: z**3), 1, 1, 5)
_row("conv linear 3-2-3", "K1:2x3x2 K2:3x2x2", conv, 1, 3, 5)
_row("conv linear 1-2-2", "K1:2x1x2 K2:2x2x2", conv, 1, 1, 5)
_row("conv linear plane", "K1:2x2x2x2 K2:2x2x1x1", conv, 1, 2, 3, 3)
_row("conv linear plane 1-1", "K1:1x1x2x2 K2:1x1x2x2", conv, 1, 1, 4, 4)
_row(
    "conv relu plane", "K1:2x1x2x2 b1:2 K2:2x2x2x2 b2:2", partial(conv, act=torch.relu), 1, 1, 4, 4
)
_row(
    "conv relu circular",
    "K1:3x1x3 b1:3 K2:2x3x3 b2:2",
    partial(conv, act=torch.relu, circular=True),
    1,
    1,
    6,
)
_row("conv linear circular", "K1:1x1x3 K2:1x1x3", partial(conv, circular=True), 1, 1, 6)
_row("conv linear circular full", "K1:1x1x4 K2:1x1x4", partial(conv, circular=True), 1, 1, 4)
_row("conv linear circular channels", "K1:2x1x3 K2:2x2x3", partial(conv, circular=True), 1, 1, 5)
_row("conv grouped linear", "K1:4x2x2 K2:3x4x1", partial(conv, groups=(2, 1)), 1, 4, 4)
_row(
    "conv grouped relu",
    "K1:4x2x2 b1:4 K2:4x2x2 b2:4",
    partial(conv, groups=(2, 2), act=torch.relu),
    1,
    4,
    4,
)
_row(
    "conv depthwise then pointwise relu",
    "K1:3x1x2 b1:3 K2:2x3x1 b2:2",
    partial(conv, groups=(3, 1), act=torch.relu),
    1,
    3,
    4,
)
_row(
    "conv relu max pool",
    "K1:3x1x2 b1:3 K2:2x3x2 b2:2",
    partial(conv, act=torch.relu, pool="max"),
    1,
    1,
    7,
)
_row(
    "conv relu average pool",
    "K1:3x1x2 b1:3 K2:2x3x2 b2:2",
    partial(conv, act=torch.relu, pool="avg"),
    1,
    1,
    7,
)
_row(
    "conv tanh global pool",
    "K1:3x1x2 b1:3 W:2x3",
    partial(conv, act=torch.tanh, pool="global"),
    1,
    1,
    5,
)
_row(
    "conv relu global pool",
    "K1:2x1x2 b1:2 K2:3x2x2 b2:3 W:2x3",
    partial(conv, act=torch.relu, pool="global"),
    1,
    1,
    5,
)
_row(
    "conv silu plane stride",
    "K1:2x1x2x2 b1:2 K2:2x2x1x1 b2:2",
    partial(conv, act=F.silu, strides=(2, 1)),
    1,
    1,
    4,
    4,
)
