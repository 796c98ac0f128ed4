"""C6: dx/dt = A(t) x under U(t): W becomes U(1) W U(0)^-1.

y = U x, A' = U A U^-1 + (dU/dt) U^-1: A is a connection, the end map W its Wilson line. Affine
(C6'): b' = U b + dc/dt - A' c for y = U x + c. A constant A is not unique: A and A + 2 pi J,
[A, J] = 0, have one W.
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

from symgauge.checks.claims.runtime.fields import rounding
from symgauge.checks.claims.runtime.solver import (
    METHODS,
    distance,
    endpoint,
    jvp,
    solve,
    solve_moving,
    stepped,
)
from symgauge.checks.runtime.record import BadInput

SIZES = {
    "small": {"dim": 6, "samples": 4},
    "full": {"dim": 256, "samples": 16},
    "gpu": {"dim": 4096, "samples": 16},
}

Path = Callable[[Tensor], Tensor]  # a matrix or a vector for each time


def connection(bench: Bench) -> Path:
    """A(t) of dx/dt = A(t) x: put your own here."""
    first, second = (bench.draw.matrix(n, bench.sizes["dim"], bench.sizes["dim"]) for n in "AB")
    return lambda t: first * torch.cos(2 * t) + second * torch.sin(t)


def gauge(bench: Bench, ends: float = 0.0) -> Path:
    """U(t) in GL(n), the identity at t = 0 and 1 for ends = 0: put your own here."""
    dim = bench.sizes["dim"]
    direction = bench.draw.matrix("U", dim, dim, 0.35)
    one = torch.eye(dim, dtype=bench.dtype, device=bench.device)
    return lambda t: one + (torch.sin(math.pi * t) + ends * (1 + t)) * direction


def rate(path: Path, t: Tensor) -> tuple[Tensor, Tensor]:
    """The value and the time derivative of a path."""
    return jvp(path, (t,), (torch.ones_like(t),))


def require_gauge(U: Path, x: Tensor) -> None:
    """Raises BadInput unless U is invertible at 33 times and the identity at both ends."""
    for k in range(33):
        t = torch.full_like(x[0, 0], k / 32)
        value = U(t)
        condition = float(torch.linalg.cond(value))
        if not condition < 1e6:
            raise BadInput(f"U(t) is not invertible at t = {k / 32:g}: condition {condition:.2g}")
        off = float((value - torch.eye(len(value)).to(value)).abs().max())
        if k in (0, 32) and not off <= 1e4 * torch.finfo(x.dtype).eps:
            raise BadInput(f"U(t) is not the identity at the end t = {k / 32:g}: off by {off:.2g}")


def linear(A: Path) -> Field:
    return lambda t, x: x @ A(t).T


def transformed(A: Path, U: Path, inhomogeneous: float = 1.0, backwards: bool = False) -> Field:
    """y -> A' y with A' = U A U^-1 + (dU/dt) U^-1; backwards, the wrong U^-1 A U in its place."""

    def field(t: Tensor, y: Tensor) -> Tensor:
        value, slope = rate(U, t)
        x = torch.linalg.solve(value, y.T)
        if backwards:
            moved: Tensor = torch.linalg.solve(value, A(t) @ (value @ y.T)) + slope @ x
        else:
            moved = value @ (A(t) @ x) + inhomogeneous * (slope @ x)
        return moved.T

    return field


def check(bench: Bench) -> Iterator[Row]:
    A, U = connection(bench), gauge(bench)
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    require_gauge(U, x)
    base = solve_moving("A", linear(A), x)
    moved = transformed(A, U)
    image = solve("A'", moved, x)
    floor = base.error + image.error
    yield bench.holds("W' = W for U(0) = U(1) = 1", distance(image.end, base.end), floor)
    loose = gauge(bench, 0.4)
    zero = torch.zeros_like(x[0, 0])
    first, last = loose(zero), loose(zero + 1)
    end = solve("A'", transformed(A, loose), x @ first.T)
    yield bench.holds("W' = U(1) W U(0)^-1", distance(end.end, base.end @ last.T),
                      base.error + end.error)
    wrong = endpoint("A'", transformed(A, loose), x)
    yield bench.planted("W' = W without the end conditions", distance(wrong, base.end), floor)
    for label, field in (
        ("without (dU/dt) U^-1", transformed(A, U, 0.0)),
        ("(dU/dt) U^-1 of the other sign", transformed(A, U, -1.0)),
        ("U^-1 A U for U A U^-1", transformed(A, U, backwards=True)),
    ):
        yield bench.planted(label, distance(endpoint("A'", field, x), base.end), floor)
    yield from affine(bench, A, U, x)
    yield from periods(bench)
    for method, order, steps in METHODS:
        yield bench.converges(f"{method}: error of A' against W", lambda n: distance(
            stepped("A'", moved, x, method, n), base.finer), steps, order, base.error)


def affine(bench: Bench, A: Path, U: Path, x: Tensor) -> Iterator[Row]:
    """dx/dt = A x + b under y = U x + c, c = 0 at both ends."""
    dim = bench.sizes["dim"]
    still, turning, direction = (bench.draw.normal(n, dim) for n in ("b", "b.t", "c"))

    def b(t: Tensor) -> Tensor:
        return still + turning * torch.sin(3 * t)

    def c(t: Tensor) -> Tensor:
        return direction * torch.sin(math.pi * t)

    def moved(carried: float) -> Field:
        linear_part = transformed(A, U)

        def field(t: Tensor, y: Tensor) -> Tensor:
            shift, slope = rate(c, t)
            bias = U(t) @ b(t) + slope - carried * linear_part(t, shift[None])[0]
            return linear_part(t, y) + bias

        return field

    base = solve("A, b", lambda t, p: p @ A(t).T + b(t), x)
    image = solve("A', b'", moved(1.0), x)
    floor = base.error + image.error
    yield bench.holds("affine: b' = U b + dc/dt - A' c", distance(image.end, base.end), floor)
    end = endpoint("A', b'", moved(0.0), x)
    yield bench.planted("affine: b' without -A' c", distance(end, base.end), floor)


def periods(bench: Bench) -> Iterator[Row]:
    """e^A = e^(A + 2 pi J) where J^2 = -1 commutes with A."""
    dim = bench.sizes["dim"]
    basis = torch.linalg.qr(bench.draw.normal("basis", dim, dim))[0]
    one = torch.eye(dim // 2, dtype=bench.dtype, device=bench.device)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=bench.dtype, device=bench.device)
    J = basis @ torch.kron(one, turn) @ basis.T
    mixed = bench.draw.matrix("C", dim, dim)
    A = (mixed - J @ mixed @ J) / 2
    other = A + 2 * math.pi * J
    here, there, third = map(torch.matrix_exp, (A, other, other / 3))
    # the exponential's own error: against the third power of a third
    floor = rounding(torch.matrix_exp, other) + distance(third @ third @ third, there)
    yield bench.holds("e^A = e^(A + 2 pi J)", distance(there, here), floor)
    general = torch.matrix_exp(mixed + 2 * math.pi * J)
    yield bench.planted("the same where [A, J] is not 0",
                        distance(general, torch.matrix_exp(mixed)), floor)
