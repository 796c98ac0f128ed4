"""C9': the internal redundancy of attention is a gauge in depth.

[Q, K, V] is the end of a linear stage dY/dt = Y A(t), and the output that of a second one behind
attention. Y U(t) with U = 1 at the start and diag(g, g^-T, m) at the middle site, and from m to 1
on the second stage, A' = U^-1 A U + U^-1 dU/dt, moves W_Q, W_K, W_V, W_O and leaves the output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.report import Bench, Row
    from symgauge.checks.claims.runtime.solver import Field

from symgauge.checks.claims.runtime.solver import distance, jvp, solve, solve_moving

SIZES = {
    "small": {"dim": 6, "tokens": 5, "head_dim": 3, "samples": 2},
    "full": {"dim": 192, "tokens": 32, "head_dim": 64, "samples": 1},
    "gpu": {"dim": 1536, "tokens": 64, "head_dim": 512, "samples": 1},
}

Path = Callable[[Tensor], Tensor]  # a matrix for each time


def connection(bench: Bench, name: str) -> Path:
    """A(t) of dY/dt = Y A(t) on a stream as wide as Q, K and V together: put your own here."""
    width = 3 * bench.sizes["head_dim"]
    first, second = (bench.draw.matrix(f"{name}.{i}", width, width) for i in range(2))
    return lambda t: first * torch.cos(2 * t) + second * torch.sin(t)


def between(bench: Bench, first: Tensor, last: Tensor, name: str) -> Path:
    """U(t) from one matrix to another near 1: put your own here."""
    width = len(first)
    bump = bench.draw.matrix(name, width, width, 0.25)
    return lambda t: first + t * (last - first) + torch.sin(math.pi * t) * bump


def at_the_middle(g: Tensor, dual: Tensor, m: Tensor) -> Tensor:
    """diag(g, g^-T, m)."""
    found: Tensor = torch.block_diag(g, dual, m)
    return found


def linear(A: Path) -> Field:
    return lambda t, y: y @ A(t)


def moved(A: Path, U: Path, last: float = 1.0) -> Field:
    """Y' (U^-1 A U + last U^-1 dU/dt); the claim has last = 1."""

    def field(t: Tensor, y: Tensor) -> Tensor:
        value, slope = jvp(U, (t,), (torch.ones_like(t),))
        x = torch.linalg.solve(value.mT, y.mT).mT
        result: Tensor = x @ A(t) @ value + last * (x @ slope)
        return result

    return field


def attend(stream: Tensor, k: int) -> Tensor:
    """softmax(Q K^T / sqrt k) V of [Q, K, V], in a stream of the same width."""
    query, key, value = stream.split(k, -1)
    out = torch.softmax(query @ key.mT / math.sqrt(k), -1) @ value
    return torch.cat([out, out.new_zeros(*out.shape[:-1], 2 * k)], -1)


def check(bench: Bench) -> Iterator[Row]:
    sizes = bench.sizes
    k, dim = sizes["head_dim"], sizes["dim"]
    X = bench.draw.normal("X", sizes["samples"], sizes["tokens"], dim)
    start = torch.cat([X, X.new_zeros(*X.shape[:-1], max(0, 3 * k - dim))], -1)[..., :3 * k]
    A, B = connection(bench, "A"), connection(bench, "B")
    one = torch.eye(3 * k, dtype=bench.dtype, device=bench.device)
    g, m = (one[:k, :k] + bench.draw.matrix(n, k, k, 0.3) for n in "gm")
    dual = torch.linalg.inv(g).mT
    first = solve_moving("A", linear(A), start)
    second = solve("B", linear(B), attend(first.end, k))
    middle = at_the_middle(g, dual, m)
    behind = at_the_middle(m, one[:k, :k], one[:k, :k])
    U, V = between(bench, one, middle, "U"), between(bench, behind, one, "V")
    new = solve("A'", moved(A, U), start)
    out = solve("B'", moved(B, V), attend(new.end, k))
    floor = first.error + new.error
    yield bench.holds("the middle site: Q g, K g^-T, V m",
                      distance(new.end, first.end @ middle), floor)
    whole = floor + second.error + out.error
    yield bench.holds("the output: U = 1 at both ends", distance(out.end, second.end), whole)

    def planted(label: str, one_stage: Field, other: Field) -> Row:
        there = solve("A'", one_stage, start)
        end = solve("B'", other, attend(there.end, k))
        return bench.planted(label, distance(end.end, second.end), whole)

    yield planted("the second stage kept", moved(A, U), linear(B))
    yield planted("without U^-1 dU/dt", moved(A, U, 0.0), moved(B, V))
    wrong = between(bench, one, at_the_middle(g, torch.linalg.inv(g), m), "U")
    yield planted("g^-1 for g^-T at the keys", moved(A, wrong), moved(B, V))
    loose = between(bench, behind, one + 0.2 * bench.draw.matrix("W", 3 * k, 3 * k), "V")
    yield planted("U not 1 at the last end", moved(A, U), moved(B, loose))
    yield from turned(bench, A, B, start)


def turned(bench: Bench, A: Path, B: Path, start: Tensor) -> Iterator[Row]:
    """det g < 0 needs no padding: a turn by pi in the plane of one query and one key."""
    k = bench.sizes["head_dim"]
    one = torch.eye(3 * k, dtype=bench.dtype, device=bench.device)
    plane = torch.zeros_like(one)
    plane[0, k], plane[k, 0] = -1.0, 1.0
    flat = torch.zeros_like(one)
    flat[0, 0], flat[k, k] = 1.0, 1.0

    def U(t: Tensor) -> Tensor:
        angle = math.pi * t
        return one + (torch.cos(angle) - 1) * flat + torch.sin(angle) * plane

    first = solve("A", linear(A), start)
    new = solve("A'", moved(A, U), start)
    signs = torch.diagonal(one - 2 * flat)
    floor = first.error + new.error
    yield bench.holds("det g < 0, by a turn", distance(new.end, first.end * signs), floor)
    second, out = (solve("B", linear(B), attend(x.end, k)) for x in (first, new))
    yield bench.holds("the output behind a turn", distance(out.end, second.end),
                      floor + second.error + out.error)
    half = solve("A'", moved(A, lambda t: U(t / 2)), start)
    end = solve("B", linear(B), attend(half.end, k))
    yield bench.planted("half of the turn", distance(end.end, second.end),
                        floor + second.error + end.error)
