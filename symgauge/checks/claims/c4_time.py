"""C4: f'(tau, x) = (dt/dtau) f(t(tau), x) has the end map of f.

t(tau) increases and keeps both ends. Infinitesimally delta f = -d_t (zeta f), zeta = 0 at both
ends, moves no end.
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

from symgauge.checks.claims.runtime.fields import (
    along,
    linearised,
    mlp_field,
    moved_end,
    start,
)
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
    "small": {"dim": 6, "width": 16, "samples": 4},
    "full": {"dim": 256, "width": 1024, "samples": 32},
    "gpu": {"dim": 4096, "width": 8192, "samples": 32},
}

Clock = Callable[[Tensor], Tensor]


def vector_field(bench: Bench) -> Field:
    """f(t, x), rows of x are samples: put your own here."""
    return mlp_field(bench.draw, "f", bench.sizes["dim"], bench.sizes["width"])


def clock(bench: Bench) -> Clock:
    """t(tau), increasing, with t(0) = 0 and t(1) = 1: put your own here."""
    return lambda tau: tau + 0.12 * torch.sin(2 * math.pi * tau) + 0.2 * tau * (1 - tau)


def require_clock(t: Clock, x: Tensor) -> None:
    """Raises BadInput unless t keeps the ends and dt/dtau > 0 at 1001 times."""
    tau = torch.linspace(0, 1, 1001, dtype=x.dtype, device=x.device)
    times, rates = jvp(t, (tau,), (torch.ones_like(tau),))
    for end in (0, -1):
        if not float((times[end] - tau[end]).abs()) <= 1e4 * torch.finfo(x.dtype).eps:
            raise BadInput(
                f"the clock does not keep the end tau = {float(tau[end]):g}: t is "
                f"{float(times[end]):.6g} there"
            )
    if not (rates > 0).all():
        k = int((~(rates > 0)).nonzero()[0])
        raise BadInput(
            f"the clock does not run forward at tau = {float(tau[k]):.6g}: dt/dtau is "
            f"{float(rates[k]):.3g}"
        )


def retimed(f: Field, t: Clock, power: float = 1.0) -> Field:
    """f'(tau, x) = (dt/dtau)^power f(t(tau), x); the claim has power 1."""

    def field(tau: Tensor, x: Tensor) -> Tensor:
        now, rate = jvp(t, (tau,), (torch.ones_like(tau),))
        out: Tensor = rate**power * f(now, x)
        return out

    return field


def check(bench: Bench) -> Iterator[Row]:
    f, t = vector_field(bench), clock(bench)
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    require_clock(t, x)
    base = solve_moving("f", f, x)
    moved = retimed(f, t)
    image = solve("the retimed f", moved, x)
    floor = base.error + image.error
    yield bench.holds("end map of the retimed field", distance(image.end, base.end), floor)
    for label, field in (
        ("without dt/dtau", retimed(f, t, 0.0)),
        ("dtau/dt for dt/dtau", retimed(f, t, -1.0)),
        ("t(1) is not 1", retimed(f, lambda tau: 0.9 * t(tau))),
        ("f at tau for f at t(tau)", lambda tau, p: jvp(t, (tau,), (torch.ones_like(tau),))[1]
         * f(tau, p)),
    ):
        yield bench.planted(label, distance(endpoint("f'", field, x), base.end), floor)
    yield from infinitesimal(bench, f, x)
    for method, order, steps in METHODS:
        yield bench.converges(f"{method}: error of f' against F_f", lambda n: distance(
            stepped("f'", moved, x, method, n), base.finer), steps, order, base.error)


def infinitesimal(bench: Bench, f: Field, x: Tensor) -> Iterator[Row]:
    """delta f = -d_t (zeta f) for a zeta of time alone."""

    def variation(ends: float, whole: bool) -> Field:
        def zeta(t: Tensor) -> Tensor:
            return torch.sin(math.pi * t) / 2 + ends * t

        def delta(t: Tensor, p: Tensor) -> Tensor:
            def product(s: Tensor, q: Tensor) -> Tensor:
                return zeta(s if whole else t) * f(s, q)

            return -along(product, t, p, 1.0, torch.zeros_like(p))

        return delta

    right = solve("the linearised flow", linearised(f, variation(0.0, True)), start(x))
    yield bench.holds("delta f = -d_t (zeta f) moves no end", moved_end(right.end), right.error)
    for label, delta in (
        ("delta f = -zeta d_t f", variation(0.0, False)),
        ("delta f, zeta not 0 at t = 1", variation(0.3, True)),
    ):
        z = endpoint("the linearised flow", linearised(f, delta), start(x))
        yield bench.planted(label, moved_end(z), right.error)
