"""C10: weight decay fixes the gauge, training conserves balance.

min_g |W_Q g|^2 + |W_K g^-T|^2 = 2 |W_Q W_K^T|_*, at W_Q^T W_Q = W_K^T W_K, up to O(d_k). Gradient
flow conserves W_Q^T W_Q - W_K^T W_K. For dx/dt = A(t) x, the energy at fixed end map is stationary
where dA/dt = [A, A^T]: A = Om + e^{2 Om t} S e^{-2 Om t}, W(1) = e^{2 Om} e^{S - Om}.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy
import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.report import Bench, Row
    from symgauge.checks.claims.runtime.solver import Field

from symgauge.checks.claims.runtime.fields import rounding
from symgauge.checks.claims.runtime.solver import distance, endpoint, solve

SIZES = {
    "small": {"dim": 6, "head_dim": 3, "samples": 8},
    "full": {"dim": 256, "head_dim": 64, "samples": 32},
    "gpu": {"dim": 4096, "head_dim": 128, "samples": 32},
}


def projections(bench: Bench) -> tuple[Tensor, Tensor]:
    """W_Q and W_K, of full column rank: put your own here."""
    dim, k = bench.sizes["dim"], bench.sizes["head_dim"]
    query, key = (bench.draw.normal(n, dim, k) / math.sqrt(dim) for n in ("Q", "K"))
    # graded columns: far from balance
    return query * torch.linspace(0.5, 2, k).to(query), key


def check(bench: Bench) -> Iterator[Row]:
    query, key = projections(bench)
    yield from nuclear_norm(bench, query, key)
    yield from training(bench, query, key)
    yield from least_energy(bench)


def decay(query: Tensor, key: Tensor, g: Tensor) -> Tensor:
    """|W_Q g|^2 + |W_K g^-T|^2, as a tensor of one entry."""
    total: Tensor = (query @ g).pow(2).sum() + torch.linalg.solve(g, key.T).pow(2).sum()
    return total.reshape(1)


def root(matrix: Tensor, power: float = 0.5) -> Tensor:
    """A power of a positive symmetric matrix."""
    values, vectors = torch.linalg.eigh(matrix)
    out: Tensor = (vectors * values.clamp_min(0) ** power) @ vectors.mT
    return out


def balancing(query: Tensor, key: Tensor) -> Tensor:
    """The symmetric g with W_Q g and W_K g^-T balanced: p = g g^T solves p A p = B."""
    A, B = query.T @ query, key.T @ key
    a, b = root(A), root(A, -0.5)
    return root(b @ root(a @ B @ a) @ b)


def nuclear_norm(bench: Bench, query: Tensor, key: Tensor) -> Iterator[Row]:
    """The least weight decay on the orbit, by formula and by descent."""
    k = bench.sizes["head_dim"]
    norm = torch.linalg.svdvals(query @ key.T)[:k].sum().reshape(1)
    g = balancing(query, key)
    least = decay(query, key, g)
    floor = rounding(lambda q, p: decay(q, p, balancing(q, p)), query, key)
    yield bench.holds("least decay = 2 nuclear norms", distance(least, 2 * norm), floor)
    frobenius = (query @ key.T).norm().reshape(1)
    yield bench.planted("least decay = 2 Frobenius norms", distance(least, 2 * frobenius),
                        floor)
    yield bench.planted("least decay where it stood",
                        distance(decay(query, key, torch.eye(k).to(g)), 2 * norm), floor)
    P, R = query @ g, torch.linalg.solve(g, key.T).T
    small = rounding(lambda q, p: (q @ balancing(q, p)).T @ (q @ balancing(q, p)), query, key)
    yield bench.holds("there W_Q^T W_Q = W_K^T W_K", distance(P.T @ P, R.T @ R), small)
    yield bench.planted("W_Q^T W_Q = W_K^T W_K before", distance(query.T @ query, key.T @ key),
                        small)
    turn = torch.linalg.qr(bench.draw.normal("turn", k, k))[0]
    yield bench.holds("left over: O(d_k)", distance(decay(P, R, turn), least), floor)
    shear = turn @ torch.diag(torch.exp(bench.draw.normal("shear", k) / 3))
    yield bench.planted("left over: GL(d_k)", distance(decay(P, R, shear), least), floor)
    # descent on g itself, which knows neither the formula nor the norm
    log = torch.zeros_like(g, requires_grad=True)
    search = torch.optim.LBFGS([log], max_iter=300, tolerance_grad=1e-12, tolerance_change=0,
                               line_search_fn="strong_wolfe", history_size=30)

    def closure() -> Tensor:
        search.zero_grad()
        loss = decay(query, key, torch.matrix_exp(log))[0]
        torch.autograd.backward(loss)
        return loss.detach()

    search.step(closure)
    found = decay(query, key, torch.matrix_exp(log.detach()))
    yield bench.holds("descent on g finds it", distance(found, 2 * norm), floor)


def training(bench: Bench, query: Tensor, key: Tensor) -> Iterator[Row]:
    """Flows of (W_Q, W_K), rows stacked, on a loss that reads W_Q W_K^T alone."""
    dim, n = bench.sizes["dim"], bench.sizes["samples"]
    left, right = bench.draw.normal("left", n, dim), bench.draw.normal("right", n, dim)
    target = bench.draw.normal("target", n, n)

    def slopes(state: Tensor) -> tuple[Tensor, Tensor]:
        """The gradient of mean (tanh(left M right^T) - target)^2 in W_Q and in W_K."""
        q, p = left @ state[:dim], right @ state[dim:]
        seen = torch.tanh(q @ p.T)
        back = 2 * (seen - target) * (1 - seen**2) / n
        return left.T @ (back @ p), right.T @ (back.T @ q)

    def flow(rate: float = 1.0, shrink: float = 0.0, sign: bool = False) -> Field:
        def field(t: Tensor, state: Tensor) -> Tensor:
            dq, dk = slopes(state)
            down = torch.cat([dq, rate * dk])
            if sign:  # Adam without memory
                down = down / torch.sqrt(down**2 + down.pow(2).mean())
            return -2 * down / dim - shrink * state
        return field

    def charge(state: Tensor) -> Tensor:
        return state[:dim].T @ state[:dim] - state[dim:].T @ state[dim:]

    first = torch.cat([query, key])
    base = solve("gradient flow", flow(), first)
    before, after = charge(first), charge(base.end)
    floor = max(distance(after, charge(base.finer)), torch.finfo(first.dtype).eps)
    yield bench.reported("gradient flow moves the weights by", distance(base.end, first))
    yield bench.holds("gradient flow conserves the balance", distance(after, before), floor)
    end = endpoint("two learning rates", flow(rate=2.0), first)
    yield bench.planted("conserved with two learning rates", distance(charge(end), before), floor)
    end = endpoint("Adam without memory", flow(sign=True), first)
    yield bench.planted("conserved by Adam without memory", distance(charge(end), before), floor)
    end = endpoint("weight decay", flow(shrink=0.3), first)
    yield bench.holds("weight decay 0.3: it falls as e^-0.6 t",
                      distance(charge(end), before * math.exp(-0.6)), floor)
    yield bench.planted("weight decay 0.3: conserved", distance(charge(end), before), floor)


def least_energy(bench: Bench) -> Iterator[Row]:
    """dA/dt = [A, A^T] with its solution and end map, and the first variation of the energy."""
    dim = bench.sizes["dim"]
    M = bench.draw.matrix("A", dim, dim)
    skew, even = (M - M.T) / 2, (M + M.T) / 2

    def solution(t: float) -> Tensor:
        turn = torch.matrix_exp(2 * t * skew)
        return skew + turn @ even @ turn.T

    def joint(sign: float) -> Field:
        """(A, W) with dA/dt = sign [A, A^T] and dW/dt = A W."""
        def field(t: Tensor, z: Tensor) -> Tensor:
            A, W = z[0], z[1]
            return torch.stack([sign * (A @ A.T - A.T @ A), A @ W])
        return field

    one = torch.eye(dim).to(M)
    z = solve("dA/dt = [A, A^T]", joint(1.0), torch.stack([M, one]))
    floor = z.error
    yield bench.holds("A(1) of dA/dt = [A, A^T]", distance(z.end[0], solution(1.0), z.end), floor)
    W = torch.matrix_exp(2 * skew) @ torch.matrix_exp(even - skew)
    yield bench.holds("W(1) = e^{2 Om} e^{S - Om}", distance(z.end[1], W, z.end), floor)
    wrong = torch.matrix_exp(2 * skew) @ torch.matrix_exp(even + skew)
    yield bench.planted("W(1) = e^{2 Om} e^{S + Om}", distance(z.end[1], wrong, z.end), floor)
    other = endpoint("dA/dt = -[A, A^T]", joint(-1.0), torch.stack([M, one]))
    yield bench.planted("dA/dt = -[A, A^T]", distance(other[0], solution(1.0), z.end), floor)
    move = bench.draw.matrix("w", dim, dim)

    def variation(path: Callable[[float], Tensor], nodes: int) -> Tensor:
        """int tr A^T (dw/dt + [w, A]) dt for w = sin(pi t) w_0, by Gauss-Legendre."""
        total = torch.zeros_like(M[:1, 0])
        for at, weight in zip(*numpy.polynomial.legendre.leggauss(nodes)):
            t = (float(at) + 1) / 2
            A, w = path(t), math.sin(math.pi * t) * move
            change = math.pi * math.cos(math.pi * t) * move + w @ A - A @ w
            total = total + float(weight) / 2 * (A * change).sum()
        return total / M.pow(2).sum()

    here = variation(solution, 24)
    unit = torch.ones_like(here)
    small = max(distance(variation(solution, 32), here, unit),
                math.sqrt(dim) * torch.finfo(M.dtype).eps)
    yield bench.holds("the energy is stationary there", distance(here, 0 * unit, unit), small)
    still = variation(lambda t: M, 24)
    yield bench.planted("stationary: A constant, not normal", distance(still, 0 * unit, unit),
                        small)
