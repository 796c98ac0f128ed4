"""Attention: heads, groups, rotary pairs, features, series of layers.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from known_networks import real, rms_norm, rotate
from published_rows import ACTS, Table, add
from torch import Tensor
from torch.nn import functional as F

TABLE: Table = {}
_row = partial(add, TABLE)

# Attention


def heads(
    p: Any,
    x: Tensor,
    *,
    h: int = 1,
    g: int = 0,
    causal: bool = False,
    turn: bool = False,
    feature: Callable[[Tensor], Tensor] | None = None,
    normed: str = "",
    scores: Callable[[Tensor], Tensor] | None = None,
    memory: Tensor | None = None,
    skip: bool = False,
) -> Tensor:
    g = g or h

    def split(name: str, z: Tensor, n: int) -> Tensor:
        y = z @ getattr(p, name).T
        y = y + getattr(p, "b" + name) if hasattr(p, "b" + name) else y
        return y.reshape(z.shape[0], n, -1).transpose(0, 1)

    m = x if memory is None else memory
    q, k, v = split("Q", x, h), split("K", m, g), split("V", m, g)
    if normed == "rms":
        q, k = p.gq * rms_norm(q, 1e-6), p.gk * rms_norm(k, 1e-6)
    if normed == "cosine":
        q, k = F.normalize(q, dim=-1) * p.t, F.normalize(k, dim=-1)
    if turn:
        q, k = rotate(q, (1.0, 0.37)), rotate(k, (1.0, 0.37))
    k, v = k.repeat_interleave(h // g, 0), v.repeat_interleave(h // g, 0)
    if feature:
        q, k = feature(q), feature(k)
        y = q @ (k.transpose(-1, -2) @ v) / (q @ k.sum(-2, keepdim=True).transpose(-1, -2))
    else:
        s = q @ k.transpose(-1, -2)
        if hasattr(p, "M1"):
            s = torch.einsum("hij,gh->gij", s, p.M1)
        if causal:
            s = s + torch.full(s.shape[-2:], float("-inf"), dtype=s.dtype).triu(1)
        s = torch.softmax(s / math.sqrt(q.shape[-1]), -1) if scores is None else scores(s)
        if hasattr(p, "M2"):
            s = torch.einsum("hij,gh->gij", s, p.M2)
        y = s @ v
    y = y.transpose(0, 1).reshape(x.shape[0], -1)
    y = y @ p.O.T if hasattr(p, "O") else y
    y = y + p.bO if hasattr(p, "bO") else y
    return x + y if skip else y


_row("softmax 3 one row", "Q:1x3 K:1x3 V:3x3", heads, 4, 3)
_row("softmax 3 d_k 5", "Q:5x3 K:5x3 V:3x3", heads, 4, 3)
_row("softmax 4 d_k 3", "Q:3x4 K:3x4 V:2x4", heads, 4, 4)
_row("softmax 2 heads d_k 4", "Q:8x3 K:8x3 V:4x3 O:3x4", partial(heads, h=2), 4, 3)
_row("softmax causal 2 heads", "Q:4x4 K:4x4 V:4x4 O:3x4", partial(heads, h=2, causal=True), 4, 4)
_row(
    "softmax causal 2 heads bias",
    "Q:4x3 K:4x3 V:4x3 O:3x4 bQ:4 bK:4 bV:4",
    partial(heads, h=2, causal=True),
    4,
    3,
)
_row(
    "softmax skip bias",
    "Q:2x3 K:2x3 V:2x3 O:3x2 bQ:2 bK:2 bV:2 bO:3",
    partial(heads, skip=True),
    4,
    3,
)
_row(
    "softmax 4 heads 2 groups causal",
    "Q:4x3 K:2x3 V:4x3 O:3x8",
    partial(heads, h=4, g=2, causal=True),
    4,
    3,
)
_row(
    "softmax 2 heads 1 group bias",
    "Q:4x3 K:2x3 V:2x3 O:3x4 bQ:4 bK:2 bV:2 bO:3",
    partial(heads, h=2, g=1),
    4,
    3,
)
_row("rotary 1 head", "Q:4x3 K:4x3 V:2x3 O:3x2", partial(heads, turn=True), 5, 3)
_row(
    "rotary 4 heads 2 groups",
    "Q:16x4 K:8x4 V:4x4 O:4x8",
    partial(heads, h=4, g=2, turn=True, causal=True),
    5,
    4,
)
_row(
    "rotary normed",
    "Q:8x4 K:8x4 V:4x4 O:4x4 gq:4 gk:4",
    partial(heads, h=2, turn=True, normed="rms"),
    5,
    4,
)
_row("softmax normed", "Q:3x3 K:3x3 V:2x3 O:3x2 gq:3 gk:3", partial(heads, normed="rms"), 4, 3)
_row("softmax cosine", "Q:3x3 K:3x3 V:2x3 O:3x2 t:1", partial(heads, normed="cosine"), 4, 3)
_row(
    "lightning 3 heads 2",
    "Q:4x3 K:4x3 V:4x3 O:3x4",
    partial(heads, h=2, scores=ACTS["linear"]),
    4,
    3,
)
_row("lightning causal", "Q:2x3 K:2x3 V:2x3 O:3x2", partial(heads, scores=torch.tril), 4, 3)
_row("lightning d_k 4", "Q:4x3 K:4x3 V:3x3", partial(heads, scores=ACTS["linear"]), 4, 3)
_row("lightning one row 2", "Q:1x2 K:1x2 V:2x2", partial(heads, scores=ACTS["linear"]), 3, 2)
_row("relu-attention", "Q:2x3 K:2x3 V:2x3 O:3x2", partial(heads, scores=torch.relu), 4, 3)
_row(
    "squared-relu-attention",
    "Q:2x3 K:2x3 V:2x3 O:3x2",
    partial(heads, scores=lambda s: torch.relu(s) ** 2),
    4,
    3,
)
_row(
    "sigmoid-attention 2 heads",
    "Q:4x3 K:4x3 V:4x3 O:3x4",
    partial(heads, h=2, scores=torch.sigmoid),
    4,
    3,
)
_row(
    "linear-attention elu",
    "Q:2x3 K:2x3 V:2x3 O:3x2",
    partial(heads, feature=lambda z: F.elu(z) + 1),
    4,
    3,
)
_row("linear-attention relu", "Q:2x3 K:2x3 V:2x3 O:3x2", partial(heads, feature=torch.relu), 4, 3)
_row("linear-attention exp", "Q:2x3 K:2x3 V:2x3 O:3x2", partial(heads, feature=torch.exp), 4, 3)
_row(
    "linear-attention square bias",
    "Q:2x3 K:2x3 V:2x3 O:3x2 bQ:2 bK:2",
    partial(heads, feature=lambda z: z**2),
    4,
    3,
)
_row("talking heads", "Q:4x3 K:4x3 V:4x3 O:3x4 M1:2x2 M2:2x2", partial(heads, h=2), 4, 3)
_row("talking before alone", "Q:4x3 K:4x3 V:4x3 O:3x4 M1:2x2", partial(heads, h=2), 4, 3)
TABLE["cross 2 heads bias"] = (
    "Q:4x3 K:4x2 V:4x2 O:3x4 bQ:4 bK:4 bV:4 bO:3",
    lambda p, x, m: heads(p, x, h=2, memory=m),
    (real(3, 3), real(4, 2)),
)
TABLE["cross d_k above"] = (
    "Q:4x3 K:4x2 V:2x2 O:3x2",
    lambda p, x, m: heads(p, x, memory=m),
    (real(3, 3), real(4, 2)),
)


def series_of(
    p: Any, x: Tensor, *, normaliser: Callable[[Tensor], Tensor], skip: bool = False
) -> Tensor:
    k = 1
    while hasattr(p, f"Q{k}"):
        q, key, v = (x @ getattr(p, f"{n}{k}").T for n in "QKV")
        y = normaliser(q @ key.T) @ v
        x = x + y if skip else y
        k += 1
    return x


def _stack(
    name: str,
    d: int,
    a: int,
    layers: int,
    normaliser: Callable[[Tensor], Tensor],
    skip: bool = False,
) -> None:
    shapes = " ".join(f"Q{k}:{a}x{d} K{k}:{a}x{d} V{k}:{d}x{d}" for k in range(1, layers + 1))
    _row(
        f"series {name} {layers} of {d} by {a}",
        shapes,
        partial(series_of, normaliser=normaliser, skip=skip),
        3,
        d,
    )


_stack("softmax", 2, 1, 2, partial(torch.softmax, dim=-1))
_stack("softmax", 3, 3, 2, partial(torch.softmax, dim=-1))
_stack("softmax", 2, 2, 3, partial(torch.softmax, dim=-1))
_stack("softmax skip", 3, 2, 2, partial(torch.softmax, dim=-1), True)
_stack("lightning", 2, 1, 2, ACTS["linear"])
_stack("lightning", 3, 3, 2, ACTS["linear"])
_stack("lightning", 2, 2, 3, ACTS["linear"])
_stack("lightning skip", 2, 1, 2, ACTS["linear"], True)
_stack("lightning", 3, 1, 3, ACTS["linear"])
