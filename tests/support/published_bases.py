"""Bases: waves, radial functions, maxima, splines.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

from functools import partial
from typing import Any

import torch
from published_rows import Table, add
from torch import Tensor
from torch.nn import functional as F

TABLE: Table = {}
_row = partial(add, TABLE)

# Bases


def fourier(p: Any, x: Tensor) -> Tensor:
    z = x @ p.B.T
    return torch.cat([torch.sin(z), torch.cos(z)], -1) @ p.W.T


_row("basis fourier", "B:3x2 W:2x6", fourier, 1, 2)
_row(
    "basis fourier deep",
    "B:2x2 W:3x4 b:3 W2:1x3",
    lambda p, x: torch.tanh(fourier(p, x) + p.b) @ p.W2.T,
    1,
    2,
)
_row(
    "basis fourier sum",
    "B:3x2 a:3 b:3",
    lambda p, x: (p.a * torch.sin(x @ p.B.T + p.b)).sum(-1, keepdim=True),
    1,
    2,
)
_row(
    "basis radial",
    "c:3x2 s:3 W:2x3",
    lambda p, x: torch.exp(-((x[:, None] - p.c) ** 2).sum(-1) * p.s**2) @ p.W.T,
    1,
    2,
)
_row(
    "basis radial normalised",
    "c:3x2 s:3 W:2x3",
    lambda p, x: torch.softmax(-((x[:, None] - p.c) ** 2).sum(-1) * p.s**2, -1) @ p.W.T,
    1,
    2,
)
_row(
    "basis radial one width",
    "c:3x2 s:1 W:2x3",
    lambda p, x: torch.softmax(-((x[:, None] - p.c) ** 2).sum(-1) * p.s, -1) @ p.W.T,
    1,
    2,
)
_row(
    "basis multiquadric",
    "c:3x2 W:2x3",
    lambda p, x: torch.sqrt(((x[:, None] - p.c) ** 2).sum(-1) + 1) @ p.W.T,
    1,
    2,
)
_row(
    "basis inverse",
    "c:2x2 s:2 W:2x2",
    lambda p, x: (1 / (((x[:, None] - p.c) ** 2).sum(-1) + p.s**2)) @ p.W.T,
    1,
    2,
)


def maxout(p: Any, x: Tensor) -> Tensor:
    return torch.einsum("hkd,bd->bhk", p.W, x).add(p.b if hasattr(p, "b") else 0).amax(-1) @ p.V.T


_row("maxout 2 pieces", "W:3x2x2 b:3x2 V:2x3", maxout, 1, 2)
_row("maxout 3 pieces", "W:2x3x2 V:2x2", maxout, 1, 2)
_row("maxout one unit", "W:1x3x2 b:1x3 V:1x1", maxout, 1, 2)
_row(
    "maxout differences",
    "W:3x2 V:3x2",
    lambda p, x: (x @ p.W.T).amax(-1) - (x @ p.V.T).amax(-1),
    1,
    2,
)


def spline(p: Any, x: Tensor, *, base: bool) -> Tensor:
    """Kolmogorov-Arnold: sums of hat functions on a fixed grid, two layers."""
    grid = torch.linspace(-2, 2, 4, dtype=x.dtype)
    for name in ("1", "2"):
        hats = torch.relu(1 - (x[..., None] - grid).abs())
        y = torch.einsum("oig,big->bo", getattr(p, "S" + name), hats)
        x = y + F.silu(x) @ getattr(p, "B" + name).T if base else y
    return x


_row("kan hats", "S1:2x2x4 S2:1x2x4", partial(spline, base=False), 1, 2)
_row("kan hats base", "S1:2x1x4 B1:2x1 S2:1x2x4 B2:1x2", partial(spline, base=True), 1, 1)


def monomials(p: Any, x: Tensor, *, degree: int, first: int) -> Tensor:
    for name in sorted(n for n in dict(p.named_parameters()) if n.startswith("S")):
        basis = torch.stack([x**k for k in range(first, degree + 1)], -1)
        x = torch.einsum("oig,big->bo", getattr(p, name), basis)
    return x


_row("kan polynomials one layer", "S1:2x2x4", partial(monomials, degree=3, first=0), 1, 2)
_row("kan polynomials", "S1:2x2x3 S2:1x2x3", partial(monomials, degree=3, first=1), 1, 2)
_row("kan sines", "S1:2x2x2 S2:1x2x2", lambda p, x: _kan_sines(p, x), 1, 2)
_row("kan gauss", "S1:2x2x3 S2:1x2x3", lambda p, x: _kan_gauss(p, x), 1, 2)


def _kan_sines(p: Any, x: Tensor) -> Tensor:
    for s in (p.S1, p.S2):
        x = torch.einsum("oig,big->bo", s, torch.stack([torch.sin(x), torch.sin(2 * x)], -1))
    return x


def _kan_gauss(p: Any, x: Tensor) -> Tensor:
    grid = torch.tensor([-1.0, 0.0, 1.0], dtype=x.dtype)
    for s in (p.S1, p.S2):
        x = torch.einsum("oig,big->bo", s, torch.exp(-((x[..., None] - grid) ** 2)))
    return x
