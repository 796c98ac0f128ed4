"""C9: tokens dX/dt = Attn(X) under one U(t) for all tokens.

Attn(X) = sum_h softmax(X M_h X^T / sqrt(d_k)) X N_h with M_h = W_Q W_K^T, N_h = W_V W_O. Then
dY/dt = Attn'(Y) + Y U^-1 dU/dt with M' = U^-1 M U^-T, N' = U^-1 N U. Apart from it, W_Q g,
W_K g^-T, W_V m, m^-1 W_O give the same Attn. A discrete identity skip forces U to be constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.report import Bench, Row
    from symgauge.checks.claims.runtime.solver import Field

from symgauge.checks.claims.runtime.fields import rounding
from symgauge.checks.claims.runtime.solver import (
    METHODS, distance, endpoint, jvp, solve, solve_moving, stepped,
)

SIZES = {
    "small": {"dim": 6, "tokens": 5, "heads": 2, "head_dim": 3, "samples": 2},
    "full": {"dim": 256, "tokens": 64, "heads": 4, "head_dim": 64, "samples": 1},
    "gpu": {"dim": 4096, "tokens": 64, "heads": 32, "head_dim": 128, "samples": 1},
}


@dataclass(frozen=True)
class Heads:
    """W_Q, W_K, W_V of shape (heads, dim, head_dim), W_O of shape (heads, head_dim, dim)."""

    query: Tensor
    key: Tensor
    value: Tensor
    out: Tensor

    def attend(self, X: Tensor) -> Tensor:
        """Attn of tokens, rows of X of shape (..., tokens, dim)."""
        X = X.unsqueeze(-3)
        scores = (X @ self.query) @ (X @ self.key).mT / math.sqrt(self.query.shape[-1])
        return (torch.softmax(scores, -1) @ (X @ self.value) @ self.out).sum(-3)


def weights(bench: Bench) -> Heads:
    """The heads: put your own here."""
    draw, dim, k = bench.draw, bench.sizes["dim"], bench.sizes["head_dim"]
    heads = bench.sizes["heads"]
    read = [draw.normal(n, heads, dim, k) / math.sqrt(dim) for n in ("Q", "K", "V")]
    out = draw.normal("O", heads, k, dim) * math.sqrt(4 / (k * heads))
    return Heads(read[0] * 2, read[1] * 2, read[2], out)


def stream(bench: Bench, ends: float = 0.0) -> Callable[[Tensor], Tensor]:
    """U(t) in GL(d), the identity at t = 0 and 1 for ends = 0: put your own here."""
    dim = bench.sizes["dim"]
    direction = bench.draw.matrix("U", dim, dim, 0.35)
    one = torch.eye(dim, dtype=bench.dtype, device=bench.device)
    return lambda t: one + (torch.sin(math.pi * t) + ends * t) * direction


def turned(heads: Heads, U: Tensor) -> Heads:
    """M' = U^-1 M U^-T and N' = U^-1 N U."""
    read = torch.cat([heads.query, heads.key, heads.value]).transpose(0, 1)
    new = torch.linalg.solve(U, read.flatten(1)).reshape(read.shape)  # one factorisation for all
    query, key, value = new.transpose(0, 1).chunk(3)
    return Heads(query, key, value, heads.out @ U)


def moved(
    heads: Heads, U: Callable[[Tensor], Tensor], last: float = 1.0, out: bool = True,
    scores: bool = True,
) -> Field:
    """Attn'(Y) + last Y U^-1 dU/dt; the claim has last = 1, N' and M' turned."""

    def field(t: Tensor, Y: Tensor) -> Tensor:
        value, slope = jvp(U, (t,), (torch.ones_like(t),))
        new = turned(heads, value)
        if not scores:
            new = Heads(heads.query, heads.key, new.value, new.out)
        if not out:
            new = Heads(new.query, new.key, heads.value, heads.out)
        result: Tensor = new.attend(Y) + last * (Y @ torch.linalg.solve(value, slope))
        return result

    return field


def check(bench: Bench) -> Iterator[Row]:
    sizes = bench.sizes
    heads, U = weights(bench), stream(bench)
    X = bench.draw.normal("X", sizes["samples"], sizes["tokens"], sizes["dim"])

    def plain(t: Tensor, tokens: Tensor) -> Tensor:
        return heads.attend(tokens)

    base = solve_moving("Attn", plain, X)
    image = solve("Attn'", moved(heads, U), X)
    floor = base.error + image.error
    yield bench.reported("Attn moves the tokens by", distance(base.end, X))
    yield bench.holds("Y = X U(t), U(0) = U(1) = 1", distance(image.end, base.end), floor)
    loose = stream(bench, 0.4)
    last = loose(torch.ones_like(X[0, 0, 0]))
    end = solve("Attn'", moved(heads, loose), X)
    yield bench.holds("U(1) not 1: Y(1) = X(1) U(1)", distance(end.end, base.end @ last),
                      base.error + end.error)
    yield bench.planted("U(1) not 1: Y(1) = X(1)", distance(end.end, base.end), floor)
    for label, field in (
        ("without Y U^-1 dU/dt", moved(heads, U, last=0.0)),
        ("Y U^-1 dU/dt of the other sign", moved(heads, U, last=-1.0)),
        ("N kept", moved(heads, U, out=False)),
        ("M kept", moved(heads, U, scores=False)),
    ):
        yield bench.planted(label, distance(endpoint("Attn'", field, X), base.end), floor)
    yield from internal(bench, heads, X)
    yield from discrete(bench, heads, X)
    for method, order, steps in METHODS:
        yield bench.converges(f"{method}: error of Attn' against Attn", lambda n: distance(
            stepped("Attn'", moved(heads, U), X, method, n), base.finer), steps, order, base.error)


def internal(bench: Bench, heads: Heads, X: Tensor) -> Iterator[Row]:
    """W_Q g, W_K g^-T, W_V m, m^-1 W_O in each head: the same function."""
    k = bench.sizes["head_dim"]
    one = torch.eye(k, dtype=bench.dtype, device=bench.device)
    g, m = (one + 0.4 * bench.draw.normal(n, bench.sizes["heads"], k, k) / math.sqrt(k)
            for n in "gm")
    value, out = heads.value @ m, torch.linalg.solve(m, heads.out)
    base = heads.attend(X)
    floor = rounding(lambda *w: Heads(*w).attend(X), heads.query, heads.key, heads.value, heads.out)
    right = Heads(heads.query @ g, heads.key @ torch.linalg.inv(g).mT, value, out)
    wrong = Heads(heads.query @ g, heads.key @ torch.linalg.inv(g), value, out)
    yield bench.holds("internal: g and m in each head", distance(right.attend(X), base), floor)
    yield bench.planted("internal: g^-1 for g^-T", distance(wrong.attend(X), base), floor)


def discrete(bench: Bench, heads: Heads, X: Tensor) -> Iterator[Row]:
    """X + Attn(X): eight such layers commute with a constant U, not with one that varies."""
    U = stream(bench)

    def net(times: list[float], tokens: Tensor) -> Tensor:
        for time in times:
            tokens = tokens + turned(heads, U(torch.full_like(X[0, 0, 0], time))).attend(
                tokens) / 8
        return tokens

    identity = [0.0] * 8
    base, turn = net(identity, X), U(torch.full_like(X[0, 0, 0], 0.5))
    floor = rounding(lambda s: net(identity, s), X)
    floor += rounding(lambda s: net([0.5] * 8, s), X @ turn)
    yield bench.holds("skip connections, constant U",
                      distance(net([0.5] * 8, X @ turn), base @ turn), floor)
    varying = net([k / 8 for k in range(8)], X)
    yield bench.planted("skip connections, U_l varies", distance(varying, base), floor)
