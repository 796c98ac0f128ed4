"""Norms of layers, groups, rows of weights, batches.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from known_networks import layer_norm, rms_norm
from published_rows import ACTS, Table, add
from torch import Tensor
from torch.nn import functional as F

TABLE: Table = {}
_row = partial(add, TABLE)

# Norms


def normal(
    p: Any,
    x: Tensor,
    *,
    norm: Callable[[Tensor], Tensor],
    act: Callable[[Tensor], Tensor] = ACTS["linear"]
) -> Tensor:
    x = x @ p.W1.T
    x = x + p.b1 if hasattr(p, "b1") else x
    x = norm(x)
    x = x * p.g if hasattr(p, "g") else x
    x = x + p.b if hasattr(p, "b") else x
    x = act(x) @ p.W2.T
    return x + p.b2 if hasattr(p, "b2") else x


LN, RMS = partial(layer_norm, eps=1e-5), partial(rms_norm, eps=1e-6)
_row("norm layer affine", "W1:4x3 b1:4 g:4 b:4 W2:2x4 b2:2", partial(normal, norm=LN), 1, 3)
_row("norm layer no affine", "W1:4x3 W2:2x4", partial(normal, norm=LN), 1, 3)
_row("norm layer one output", "W1:4x3 b1:4 W2:1x4", partial(normal, norm=LN), 1, 3)
_row("norm layer narrow", "W1:3x5 g:3 W2:2x3", partial(normal, norm=LN), 1, 5)
_row("norm layer wide", "W1:5x2 g:5 W2:2x5", partial(normal, norm=LN), 1, 2)
_row("norm rms bias", "W1:4x3 b1:4 g:4 W2:2x4 b2:2", partial(normal, norm=RMS), 1, 3)
_row("norm rms one output", "W1:4x5 W2:1x4", partial(normal, norm=RMS), 1, 5)
_row("norm rms wide", "W1:5x3 W2:2x5", partial(normal, norm=RMS), 1, 3)
_row(
    "norm layer relu",
    "W1:4x3 b1:4 g:4 b:4 W2:2x4 b2:2",
    partial(normal, norm=LN, act=torch.relu),
    1,
    3,
)
_row("norm rms silu", "W1:4x3 g:4 W2:2x4 b2:2", partial(normal, norm=RMS, act=F.silu), 1, 3)
_row(
    "norm group relu",
    "W1:4x3 b1:4 g:4 b:4 W2:2x4",
    partial(normal, norm=lambda z: F.group_norm(z, 2), act=torch.relu),
    1,
    3,
)
_row(
    "norm group linear",
    "W1:6x3 g:6 b:6 W2:2x6 b2:2",
    partial(normal, norm=lambda z: F.group_norm(z, 2)),
    1,
    3,
)
_row(
    "norm unit sphere",
    "W1:3x4 W2:2x3",
    partial(normal, norm=lambda z: z / z.norm(dim=-1, keepdim=True)),
    1,
    4,
)
_row(
    "norm unit sphere square",
    "W1:3x4 W2:2x3",
    partial(normal, norm=lambda z: z / z.norm(dim=-1, keepdim=True), act=lambda z: z**2),
    1,
    4,
)
_row(
    "norm l1",
    "W1:3x4 W2:2x3",
    partial(normal, norm=lambda z: z / z.abs().sum(-1, keepdim=True)),
    1,
    4,
)


def instance(p: Any, x: Tensor, *, eps: float = 1e-5) -> Tensor:
    x = F.instance_norm(F.conv1d(x, p.K1, p.b1), weight=p.g, bias=p.b, eps=eps)
    return F.conv1d(torch.relu(x), p.K2)


_row("norm instance", "K1:2x1x2 b1:2 g:2 b:2 K2:2x2x2", instance, 1, 1, 6)


def weight_normed(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor]) -> Tensor:
    w = p.V / p.V.norm(dim=1, keepdim=True)
    w = p.g[:, None] * w if hasattr(p, "g") else w
    x = x @ w.T
    return act(x + p.b if hasattr(p, "b") else x) @ p.W.T


_row("weight-norm tanh", "V:3x3 g:3 b:3 W:2x3", partial(weight_normed, act=torch.tanh), 1, 3)
_row(
    "weight-norm relu without a gain",
    "V:4x3 b:4 W:2x4",
    partial(weight_normed, act=torch.relu),
    1,
    3,
)
_row("weight-norm square", "V:3x3 g:3 W:2x3", partial(weight_normed, act=lambda z: z**2), 1, 3)


def cosine(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor]) -> Tensor:
    h = act(x @ p.W1.T)
    return F.normalize(h, dim=-1) @ F.normalize(p.W2, dim=-1).T * p.t


_row("cosine head relu", "W1:4x3 W2:3x4 t:1", partial(cosine, act=torch.relu), 1, 3)
_row("cosine head linear", "W1:3x4 W2:4x3 t:1", partial(cosine, act=ACTS["linear"]), 1, 4)


def batch(p: Any, x: Tensor) -> Tensor:
    """Statistics of the batch itself, as in training."""
    z = x @ p.W1.T + p.b1
    z = (z - z.mean(0)) / torch.sqrt(z.var(0, unbiased=False) + 1e-5) * p.g + p.b
    return torch.relu(z) @ p.W2.T + p.b2


_row("norm batch in training", "W1:3x2 b1:3 g:3 b:3 W2:2x3 b2:2", batch, 4, 2)
