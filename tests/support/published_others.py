"""Sets, graphs, groups, residuals and other kinds.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from published_rows import ACTS, Table, add, net
from torch import Tensor
from torch.nn import functional as F

TABLE: Table = {}
_row = partial(add, TABLE)

# Sets, graphs, groups


def deep_set(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor], pool: str) -> Tensor:
    h = act(x @ p.W1.T + p.b1 if hasattr(p, "b1") else x @ p.W1.T)
    h = {"sum": h.sum(0), "mean": h.mean(0), "max": h.amax(0), "soft": torch.logsumexp(h, 0)}[pool]
    h = act(p.W2 @ h + p.b2 if hasattr(p, "b2") else p.W2 @ h)
    return p.W3 @ h if hasattr(p, "W3") else h


_row(
    "set sum tanh",
    "W1:3x2 b1:3 W2:3x3 b2:3 W3:1x3",
    partial(deep_set, act=torch.tanh, pool="sum"),
    3,
    2,
)
_row("set mean linear", "W1:3x2 W2:2x3", partial(deep_set, act=ACTS["linear"], pool="mean"), 3, 2)
_row(
    "set max relu",
    "W1:3x2 b1:3 W2:3x3 b2:3 W3:2x3",
    partial(deep_set, act=torch.relu, pool="max"),
    3,
    2,
)
_row(
    "set max linear",
    "W1:3x2 b1:3 W2:2x3 b2:2",
    partial(deep_set, act=ACTS["linear"], pool="max"),
    3,
    2,
)
_row(
    "set soft linear",
    "W1:3x2 b1:3 W2:2x3 b2:2",
    partial(deep_set, act=ACTS["linear"], pool="soft"),
    3,
    2,
)
_row(
    "set equivariant",
    "A:2x2 B:2x2 C:2x2 D:2x2",
    lambda p, x: (lambda h: h @ p.C.T + h.mean(0) @ p.D.T)(
        torch.relu(x @ p.A.T + x.mean(0) @ p.B.T)
    ),
    3,
    2,
)
_row(
    "set equivariant linear",
    "A:2x2 B:2x2 C:2x2 D:2x2",
    lambda p, x: (lambda h: h @ p.C.T + h.mean(0) @ p.D.T)(x @ p.A.T + x.mean(0) @ p.B.T),
    3,
    2,
)

ADJACENCY = torch.tensor([[0.0, 1, 0, 1], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 0]]) + torch.eye(4)


def graph(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor]) -> Tensor:
    a = ADJACENCY.to(x.dtype) / 3
    return a @ act(a @ x @ p.W1.T) @ p.W2.T


_row("graph relu", "W1:3x2 W2:2x3", partial(graph, act=torch.relu), 4, 2)
_row("graph linear", "W1:3x2 W2:2x3", partial(graph, act=ACTS["linear"]), 4, 2)
_row(
    "graph sage",
    "S:3x2 N:3x2 b:3 W:2x3",
    lambda p, x: torch.relu(x @ p.S.T + ADJACENCY.to(x.dtype) @ x @ p.N.T + p.b) @ p.W.T,
    4,
    2,
)
_row(
    "graph isomorphism",
    "e:1 W1:3x2 W2:2x3",
    lambda p, x: torch.relu(((1 + p.e) * x + ADJACENCY.to(x.dtype) @ x) @ p.W1.T) @ p.W2.T,
    4,
    2,
)


def graph_attention(p: Any, x: Tensor) -> Tensor:
    h = x @ p.W.T
    s = F.leaky_relu((h @ p.a)[:, None] + (h @ p.b)[None], 0.2)
    return torch.softmax(s, -1) @ h


_row("graph attention", "W:3x2 a:3 b:3", graph_attention, 4, 2)


def graph_attention2(p: Any, x: Tensor) -> Tensor:
    l, r = x @ p.L.T, x @ p.R.T
    s = F.leaky_relu(l[:, None] + r[None], 0.2) @ p.a
    return torch.softmax(s, -1) @ r


_row("graph attention 2", "L:2x2 R:2x2 a:2", graph_attention2, 3, 2)
_row(
    "graph chebyshev",
    "A:2x2 B:2x2 C:2x2 W:1x2",
    lambda p, x: (lambda a: torch.relu(x @ p.A.T + a @ x @ p.B.T + a @ a @ x @ p.C.T) @ p.W.T)(
        ADJACENCY.to(x.dtype)
    ),
    4,
    2,
)


def circulant(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor]) -> Tensor:
    def matrix(c: Tensor) -> Tensor:
        n = c.shape[0]
        return c[(torch.arange(n)[:, None] - torch.arange(n)) % n]

    return act(x @ matrix(p.c1).T) @ matrix(p.c2).T


_row("equivariant circulant linear", "c1:4 c2:4", partial(circulant, act=ACTS["linear"]), 1, 4)
_row("equivariant circulant relu", "c1:4 c2:4", partial(circulant, act=torch.relu), 1, 4)
_row("equivariant circulant square", "c1:3 c2:3", partial(circulant, act=lambda z: z**2), 1, 3)
_row("equivariant circulant tanh", "c1:4 c2:4", partial(circulant, act=torch.tanh), 1, 4)


def reflected(p: Any, x: Tensor) -> Tensor:
    """Odd in x: f(x) - f(-x)."""
    return torch.relu(x @ p.W.T + p.b) @ p.V.T - torch.relu(-x @ p.W.T + p.b) @ p.V.T


_row("equivariant odd", "W:3x2 b:3 V:2x3", reflected, 1, 2)


# Residuals and others of the table's kinds


def residual(p: Any, x: Tensor, *, act: Callable[[Tensor], Tensor]) -> Tensor:
    x = x @ p.E.T
    x = x + act(x @ p.A.T) @ p.B.T
    return x @ p.U.T


_row("residual tanh", "E:3x2 A:3x3 B:3x3 U:2x3", partial(residual, act=torch.tanh), 1, 2)
_row("residual linear", "E:2x3 A:2x2 B:2x2 U:2x2", partial(residual, act=ACTS["linear"]), 1, 3)
_row(
    "residual square one output",
    "E:2x2 A:2x2 B:2x2 U:1x2",
    partial(residual, act=lambda z: z**2),
    1,
    2,
)
_row("residual relu wide", "E:4x2 A:3x4 B:4x3 U:2x4", partial(residual, act=torch.relu), 1, 2)
_row(
    "softmax head tanh",
    "W1:3x2 b1:3 W2:3x3 b2:3",
    lambda p, x: torch.log_softmax(net(p, x, act=torch.tanh), -1),
    1,
    2,
)
_row(
    "softmax head linear",
    "W1:2x3 W2:4x2",
    lambda p, x: torch.softmax(net(p, x, act=ACTS["linear"]), -1),
    1,
    3,
)
_row(
    "softmax head square",
    "W1:3x3 W2:3x3",
    lambda p, x: torch.softmax(net(p, x, act=lambda z: z**2), -1),
    1,
    3,
)
_row("softmax head temperature", "W:3x2 t:1", lambda p, x: torch.softmax(x @ p.W.T / p.t, -1), 1, 2)
_row(
    "mixer",
    "T1:3x3 T2:3x3 C1:3x2 C2:2x3",
    lambda p, x: (lambda y: y + F.gelu(y @ p.C1.T) @ p.C2.T)(x + p.T2 @ F.gelu(p.T1 @ x)),
    3,
    2,
)
_row("mixer linear", "T:3x3 C:2x2", lambda p, x: p.T @ x @ p.C.T, 3, 2)
_row(
    "mixer linear twice",
    "T1:3x3 C1:2x2 T2:3x3 C2:2x2",
    lambda p, x: p.T2 @ (p.T1 @ x @ p.C1.T) @ p.C2.T,
    3,
    2,
)
_row("hopfield", "X:3x2 b:1", lambda p, x: torch.softmax(p.b * x @ p.X.T, -1) @ p.X, 1, 2)
_row(
    "squeeze excite",
    "K:2x1x2 S1:1x2 S2:2x1 W:2x2",
    lambda p, x: (
        lambda z: torch.relu(
            z * torch.sigmoid(p.S2 @ torch.relu(p.S1 @ z.mean(-1, keepdim=True)))
        ).mean(-1)
        @ p.W.T
    )(F.conv1d(x, p.K)),
    1,
    1,
    4,
)
_row(
    "capsule squash",
    "W:3x3 V:2x3",
    lambda p, x: (
        lambda z: z
        * (z * z).sum(-1, keepdim=True) ** 0.5
        / (1 + (z * z).sum(-1, keepdim=True))
        @ p.V.T
    )(x @ p.W.T),
    1,
    3,
)
_row("rational", "W:2x2 V:2x2 b:2", lambda p, x: (x @ p.W.T) / (1 + (x @ p.V.T + p.b) ** 2), 1, 2)
_row(
    "neural additive",
    "w:2x3 b:2x3 V:2x3",
    lambda p, x: (torch.tanh(x[..., None] * p.w + p.b) * p.V).sum((-1, -2)),
    1,
    2,
)
_row(
    "factorisation machine",
    "w:3 V:3x2",
    lambda p, x: x @ p.w + ((x @ p.V) ** 2).sum(-1) - (x**2 @ p.V**2).sum(-1),
    1,
    3,
)
_row(
    "polynomial pi-net",
    "A:2x3 B:2x3 S:2x2 C:2x2",
    lambda p, x: ((x @ p.B.T) * (x @ p.A.T @ p.S.T) + x @ p.A.T) @ p.C.T,
    1,
    3,
)
