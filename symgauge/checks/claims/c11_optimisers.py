"""C11: rotations carry SGD, signed permutations Adam.

Runs of torch's optimisers from theta and from g theta, for a loss that reads W_Q W_K^T alone: the
ends are g apart for SGD (momentum, weight decay) and orthogonal g, for Adam and AdamW and signed
permutations; not for Adam and a rotation, nor for SGD and a rescaling.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.report import Bench, Row

from symgauge.checks.claims.runtime.solver import distance

SIZES = {
    "small": {"dim": 6, "head_dim": 3, "samples": 8},
    "full": {"dim": 256, "head_dim": 64, "samples": 32},
    "gpu": {"dim": 4096, "head_dim": 128, "samples": 32},
}

STEPS = 12
Optimiser = Callable[[list[Tensor]], torch.optim.Optimizer]


def projections(bench: Bench) -> tuple[Tensor, Tensor]:
    """W_Q and W_K: put your own here."""
    dim, k = bench.sizes["dim"], bench.sizes["head_dim"]
    query, key = (bench.draw.normal(n, dim, k) / math.sqrt(dim) for n in ("Q", "K"))
    return query, key


def check(bench: Bench) -> Iterator[Row]:
    query, key = projections(bench)
    n, dim, k = bench.sizes["samples"], *query.shape
    left, right = (bench.draw.normal(x, n, dim) for x in ("left", "right"))
    target = bench.draw.normal("target", n, n)

    def trained(make: Optimiser, q: Tensor, p: Tensor) -> Tensor:
        """W_Q above W_K after some steps; scores of size 1, for a flat tanh leaves rounding."""
        weights = [q.clone().requires_grad_(), p.clone().requires_grad_()]
        optimiser = make(weights)
        for _ in range(STEPS):
            optimiser.zero_grad()
            scores = (left @ weights[0]) @ (right @ weights[1]).T / math.sqrt(k)
            seen = torch.tanh(scores)
            torch.autograd.backward((seen - target).pow(2).mean())
            optimiser.step()
        return torch.cat([w.detach() for w in weights])

    turn = torch.linalg.qr(bench.draw.normal("turn", k, k))[0]
    signs = torch.where(bench.draw.normal("signs", k) < 0, -1.0, 1.0).to(query)
    order = bench.draw.normal("order", k).argsort()
    signed = torch.diag(signs)[order]
    scale = torch.diag(torch.exp(bench.draw.normal("scale", k) / 3)).to(query)
    sgd: Optimiser = lambda w: torch.optim.SGD(  # noqa: E731
        w, lr=0.05, momentum=0.9, weight_decay=0.01)
    adam: Optimiser = lambda w: torch.optim.Adam(w, lr=0.01)  # noqa: E731
    adamw: Optimiser = lambda w: torch.optim.AdamW(w, lr=0.01, weight_decay=0.1)  # noqa: E731

    def apart(make: Optimiser, g: Tensor) -> float:
        """How far the run from g theta ends from g times the end of the run from theta."""
        other = torch.linalg.solve(g, key.T).T
        return distance(trained(make, query @ g, other), _moved(trained(make, query, key), g, dim))

    def floor(make: Optimiser) -> float:
        """What rounding of the start does to the end."""
        return max(_noise(lambda q, p: trained(make, q, p), query, key),
                   8 * torch.finfo(query.dtype).eps)

    for name, make, element, said in (
        ("SGD, momentum", sgd, turn, "rotation"),
        ("Adam", adam, signed, "signed permutation"),
        ("AdamW", adamw, signed, "signed permutation"),
    ):
        yield bench.holds(f"{name} under a {said}", apart(make, element), floor(make))
    for name, make, element, said in (
        ("SGD, momentum", sgd, scale, "rescaling"),
        ("Adam", adam, turn, "rotation"),
        ("AdamW", adamw, turn, "rotation"),
    ):
        yield bench.planted(f"{name} under a {said}", apart(make, element), floor(make))


def _moved(state: Tensor, g: Tensor, dim: int) -> Tensor:
    """W_Q g above W_K g^-T."""
    return torch.cat([state[:dim] @ g, torch.linalg.solve(g, state[dim:].T).T])


def _noise(run: Callable[[Tensor, Tensor], Tensor], query: Tensor, key: Tensor) -> float:
    """The change of the end when entries of the start move by some units in the last place."""
    rng = torch.Generator().manual_seed(0)
    end, most = run(query, key), 0.0
    for _ in range(3):
        moved = [w * (1 + 4 * torch.finfo(w.dtype).eps * torch.randn(
            w.shape, generator=rng, dtype=torch.float64).to(w)) for w in (query, key)]
        most = max(most, distance(run(*moved), end))
    return most
