"""Gated units and mixtures.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from hidden_networks import glu
from published_rows import ACTS, Table, add
from torch import Tensor

TABLE: Table = {}
_row = partial(add, TABLE)

# Gated units


def gated(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor]) -> Tensor:
    g, u = x @ p.G.T, x @ p.U.T
    g = g + p.g if hasattr(p, "g") else g
    u = u + p.u if hasattr(p, "u") else u
    y = (act(g) * u) @ p.D.T
    return y + p.d if hasattr(p, "d") else y


for _act in ("sigmoid", "relu", "silu", "gelu", "tanh", "linear", "exp", "softplus"):
    _row(
        f"gated {_act} bias", "G:3x2 U:3x2 D:2x3 g:3 u:3 d:2", partial(gated, act=ACTS[_act]), 1, 2
    )
_row("gated sigmoid 3-2-1", "G:2x3 U:2x3 D:1x2", partial(gated, act=torch.sigmoid), 1, 3)
_row("gated relu 2-4-1", "G:4x2 U:4x2 D:1x4", partial(gated, act=torch.relu), 1, 2)
_row("gated linear 3-4-2", "G:4x3 U:4x3 D:2x4", glu, 1, 3)
_row("gated linear 4-2-2", "G:2x4 U:2x4 D:2x2", glu, 1, 4)
_row("gated linear 2-1-1", "G:1x2 U:1x2 D:1x1", glu, 1, 2)
_row("gated square", "G:3x3 U:3x3 D:2x3", partial(gated, act=lambda z: z**2), 1, 3)


def highway(p: Any, x: Tensor) -> Tensor:
    t = torch.sigmoid(x @ p.G.T + p.g)
    return t * torch.tanh(x @ p.W.T + p.b) + (1 - t) * x


_row("gated highway", "G:3x3 g:3 W:3x3 b:3", highway, 1, 3)


# Mixtures


def mixture(
    p: Any,
    x: Tensor,
    *,
    gate: Callable[[Tensor], Tensor],
    act: Callable[[Tensor], Tensor] = ACTS["linear"],
) -> Tensor:
    """R: router (n, d); A: experts (n, h, d); B: (n, o, h)."""
    r = x @ p.R.T
    w = gate(r + p.r if hasattr(p, "r") else r)
    y = torch.einsum("nhd,bd->bnh", p.A, x)
    y = y + p.a if hasattr(p, "a") else y
    y = torch.einsum("noh,bnh->bno", p.B, act(y)) if hasattr(p, "B") else y
    return torch.einsum("bn,bno->bo", w, y)


SOFT = partial(torch.softmax, dim=-1)
_row("mixture softmax linear bias", "R:3x2 r:3 A:3x2x2 a:3x2", partial(mixture, gate=SOFT), 1, 2)
_row("mixture softmax 2 linear one output", "R:2x3 A:2x1x3", partial(mixture, gate=SOFT), 1, 3)
_row(
    "mixture softmax relu",
    "R:2x3 r:2 A:2x2x3 a:2x2 B:2x2x2",
    partial(mixture, gate=SOFT, act=torch.relu),
    1,
    3,
)
_row(
    "mixture softmax tanh",
    "R:3x2 A:3x2x2 B:3x1x2",
    partial(mixture, gate=SOFT, act=torch.tanh),
    1,
    2,
)
_row("mixture sigmoid linear", "R:3x2 A:3x2x2", partial(mixture, gate=torch.sigmoid), 1, 2)
_row("mixture sigmoid bias", "R:2x2 r:2 A:2x2x2 a:2x2", partial(mixture, gate=torch.sigmoid), 1, 2)
_row(
    "mixture sigmoid normalised",
    "R:3x2 A:3x2x2",
    partial(mixture, gate=lambda r: torch.sigmoid(r) / torch.sigmoid(r).sum(-1, keepdim=True)),
    1,
    2,
)
_row(
    "mixture exp normalised",
    "R:3x2 A:3x2x2",
    partial(mixture, gate=lambda r: torch.exp(r) / torch.exp(r).sum(-1, keepdim=True)),
    1,
    2,
)
_row("mixture soft deep", "R:2x2 A:2x2x2 B:2x2x2", partial(mixture, gate=SOFT), 1, 2)
_row("mixture linear gate", "R:2x2 A:2x2x2", partial(mixture, gate=ACTS["linear"]), 1, 2)


def product(p: Any, x: Tensor) -> Tensor:
    """Mixture of softmaxes: log of a mixture of two softmax heads."""
    w = torch.softmax(x @ p.R.T, -1)
    return torch.log(
        w[:, :1] * torch.softmax(x @ p.U.T, -1) + w[:, 1:] * torch.softmax(x @ p.V.T, -1)
    )


_row("mixture of softmaxes", "R:2x2 U:3x2 V:3x2", product, 1, 2)
