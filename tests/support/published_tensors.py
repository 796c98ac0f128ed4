"""Tensor factors, forms, pairs of inputs, low rank, generated weights.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from hidden_networks import lora
from known_networks import real
from published_rows import ACTS, Table, add
from torch import Tensor
from torch.nn import functional as F

TABLE: Table = {}
_row = partial(add, TABLE)

# Tensors


def form(p: Any, x: Tensor, y: Tensor, *, of: str, factors: str) -> Tensor:
    return torch.einsum(of, *(getattr(p, n) for n in factors.split()), x, y)


def _tensor(name: str, shapes: str, of: str, factors: str) -> None:
    TABLE[name] = shapes, partial(form, of=of, factors=factors), (real(1, 3), real(1, 3))


_tensor("tensor cp 2", "A:2x3 B:2x3 C:2x3", "ri,rj,rk,bi,bj->bk", "A B C")
_tensor("tensor cp 4", "A:4x3 B:4x3 C:4x3", "ri,rj,rk,bi,bj->bk", "A B C")
_tensor("tensor cp 3 of 2 outputs", "A:3x3 B:3x3 C:3x2", "ri,rj,rk,bi,bj->bk", "A B C")
_tensor("tensor cp weights", "w:2 A:2x3 B:2x3 C:2x3", "r,ri,rj,rk,bi,bj->bk", "w A B C")
_tensor("tensor cp bilinear", "A:2x3 B:2x3", "ri,rj,bi,bj->b", "A B")
_tensor("tensor cp bilinear 4", "A:4x3 B:4x3", "ri,rj,bi,bj->b", "A B")
_tensor("tensor tucker", "G:2x2x2 A:2x3 B:2x3 C:2x3", "pqr,pi,qj,rk,bi,bj->bk", "G A B C")
_tensor("tensor tucker wide", "G:2x2x3 A:2x3 B:2x3 C:3x2", "pqr,pi,qj,rk,bi,bj->bk", "G A B C")
_tensor(
    "tensor tucker core above", "G:1x2x3 A:1x3 B:2x3 C:3x3", "pqr,pi,qj,rk,bi,bj->bk", "G A B C"
)
_tensor("tensor train", "A:3x2 B:2x3x2 C:2x3", "ip,pjq,qk,bi,bj->bk", "A B C")
_tensor("tensor train 3", "A:3x3 B:3x3x2 C:2x2", "ip,pjq,qk,bi,bj->bk", "A B C")
_tensor("tensor ring", "A:2x3x2 B:2x3x2 C:2x3x2", "sip,pjq,qks,bi,bj->bk", "A B C")
_tensor("tensor bilinear", "W:2x3x3", "oij,bi,bj->bo", "W")
_tensor("tensor bilinear low", "A:2x3 W:2x2x3", "pi,opj,bi,bj->bo", "A W")
_tensor("tensor symmetric cp", "A:2x3 C:2x2", "ri,rj,rk,bi,bj->bk", "A A C")
_tensor("tensor block terms", "A:2x3x2 B:2x3x2 C:2x2", "rip,rjp,rk,bi,bj->bk", "A B C")


def states_of(p: Any, x: Tensor) -> Tensor:
    """A matrix product state with linear features of 4 sites."""
    left = torch.einsum("i,ip->p", x[0], p.A)
    for k in (1, 2):
        left = torch.einsum("p,i,piq->q", left, x[k], getattr(p, f"B{k}"))
    return torch.einsum("p,i,pi->", left, x[3], p.C)[None]


_row("tensor product state", "A:2x2 B1:2x2x2 B2:2x2x2 C:2x2", states_of, 4, 2)


def uniform_states(p: Any, x: Tensor) -> Tensor:
    left = p.a
    for row in x:
        left = torch.einsum("p,i,piq->q", left, row, p.B)
    return (left @ p.c)[None]


_row("tensor uniform state", "a:2 B:2x2x2 c:2", uniform_states, 4, 2)


def square_form(p: Any, x: Tensor) -> Tensor:
    return torch.einsum("oij,bi,bj->bo", p.A, x, x)


_row("form full", "A:2x3x3", square_form, 1, 3)
_row("form gram", "W:2x3", lambda p, x: ((x @ p.W.T) ** 2).sum(-1), 1, 3)
_row("form gram above", "W:4x3", lambda p, x: ((x @ p.W.T) ** 2).sum(-1), 1, 3)
_row("form metric", "W:2x3 c:3", lambda p, x: torch.exp(-(((x - p.c) @ p.W.T) ** 2).sum(-1)), 1, 3)


# Pairs of inputs, factors, generated weights


def siamese(p: Any, x: Tensor, y: Tensor, *, act: Callable[[Tensor], Tensor], of: str) -> Tensor:
    u, v = act(x @ p.W1.T), act(y @ p.W1.T)
    if hasattr(p, "W2"):
        u, v = u @ p.W2.T, v @ p.W2.T
    if of == "dot":
        return (u * v).sum(-1)
    if of == "distance":
        return ((u - v) ** 2).sum(-1)
    if of == "cosine":
        return F.cosine_similarity(u, v)
    return (u - v).abs() @ p.W3.T


for _of in ("dot", "distance", "cosine"):
    TABLE[f"siamese linear {_of}"] = (
        "W1:2x3",
        partial(siamese, act=ACTS["linear"], of=_of),
        (real(1, 3), real(1, 3)),
    )
    TABLE[f"siamese tanh {_of}"] = (
        "W1:3x3 W2:2x3",
        partial(siamese, act=torch.tanh, of=_of),
        (real(1, 3), real(1, 3)),
    )
TABLE["siamese relu distance"] = (
    "W1:3x2 W2:3x3",
    partial(siamese, act=torch.relu, of="distance"),
    (real(1, 2), real(1, 2)),
)
TABLE["siamese differences"] = (
    "W1:3x2 W3:1x3",
    partial(siamese, act=torch.tanh, of=""),
    (real(1, 2), real(1, 2)),
)
TABLE["two towers"] = (
    "U1:3x2 U2:2x3 V1:3x3 V2:2x3",
    lambda p, x, y: ((torch.tanh(x @ p.U1.T) @ p.U2.T) * (torch.tanh(y @ p.V1.T) @ p.V2.T)).sum(-1),
    (real(1, 2), real(1, 3)),
)


def two_lora(p: Any, x: Tensor) -> Tensor:
    return torch.tanh(x @ (p.W1 + p.B1 @ p.A1).T) @ (p.W2 + p.B2 @ p.A2).T


_row("lora both layers", "W1:3x2 A1:1x2 B1:3x1 W2:2x3 A2:1x3 B2:2x1", two_lora, 1, 2)
_row("lora rank above", "W:2x2 A:3x2 B:2x3", lora, 1, 2)


def dora(p: Any, x: Tensor) -> Tensor:
    w = p.W + p.B @ p.A
    return x @ (p.m[:, None] * w / w.norm(dim=1, keepdim=True)).T


_row("lora magnitude", "W:2x3 A:1x3 B:2x1 m:2", dora, 1, 3)
_row("lora between", "A:2x3 R:2x2 B:2x2", lambda p, x: x @ p.A.T @ p.R.T @ p.B.T, 1, 3)
_row("lora kronecker", "A:2x2 B:2x2", lambda p, x: x @ torch.kron(p.A, p.B).T, 1, 4)
_row(
    "lora hadamard",
    "A1:2x3 B1:3x2 A2:2x3 B2:3x2",
    lambda p, x: x @ ((p.B1 @ p.A1) * (p.B2 @ p.A2)).T,
    1,
    3,
)
DOWN, UP = real(3, 2, seed=3), real(2, 3, seed=4)  # frozen
_row(
    "lora vectors",
    "d:2 b:3",
    lambda p, x: p.b * ((p.d * (x @ DOWN.to(x.dtype))) @ UP.to(x.dtype)),
    1,
    3,
)


def hyper(p: Any, x: Tensor, z: Tensor) -> Tensor:
    w = (torch.tanh(z @ p.H1.T) @ p.H2.T).reshape(2, 2)
    return x @ w.T


TABLE["hyper tanh"] = "H1:3x2 H2:4x3", hyper, (real(1, 2), real(1, 2))
TABLE["hyper linear"] = (
    "H1:2x2 H2:4x2",
    lambda p, x, z: x @ (z @ p.H1.T @ p.H2.T).reshape(2, 2).T,
    (real(1, 2), real(1, 2)),
)
TABLE["hyper latent"] = (
    "z:2 H:4x2",
    lambda p, x: torch.tanh(x @ (p.H @ p.z).reshape(2, 2).T),
    (real(1, 2),),
)
TABLE["hyper film"] = (
    "W1:3x2 G:3x2 S:3x2 W2:2x3",
    lambda p, x, z: (torch.relu(x @ p.W1.T) * (z @ p.G.T) + z @ p.S.T) @ p.W2.T,
    (real(1, 2), real(1, 2)),
)
