"""C2': fields with one end map differ by exactly one phi.

phi_t = Phi^f'_{t,0} o (Phi^f_{t,0})^-1 is the only phi with phi_0 = id that takes f to f', and
phi_1 = id exactly where the end maps agree. It is recovered at interior times and compared with
the phi that is known: a coupling flow, a change of clock, and a linear pair A, A + 2 pi J.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.fields import Diffeo
    from symgauge.checks.claims.runtime.report import Bench, Row
    from symgauge.checks.claims.runtime.solver import Field

from symgauge.checks.claims.runtime.fields import (
    coupling_flow,
    mlp_field,
    pushforward,
    require_diffeo,
)
from symgauge.checks.claims.runtime.solver import distance, endpoint, solve

SIZES = {
    "small": {"dim": 6, "width": 16, "hidden": 8, "samples": 4},
    "full": {"dim": 256, "width": 1024, "hidden": 128, "samples": 8},
    "gpu": {"dim": 4096, "width": 8192, "hidden": 1024, "samples": 8},
}


def vector_field(bench: Bench) -> Field:
    """f(t, x), rows of x are samples: put your own here."""
    return mlp_field(bench.draw, "f", bench.sizes["dim"], bench.sizes["width"])


def diffeomorphism(bench: Bench) -> Diffeo:
    """phi_t and its inverse, the identity at t = 0 and 1: put your own here."""
    return coupling_flow(bench.draw, "phi", bench.sizes["dim"], bench.sizes["hidden"])


def recovered(f: Field, other: Field, x: Tensor, t: float) -> tuple[Tensor, float]:
    """phi_t(x) = Phi^other_{t,0} (Phi^f_{t,0})^-1 (x), and the solver's own error."""
    back = solve("f backwards", f, x, (t, 0.0))
    there = solve("the other field", other, back.end, (0.0, t))
    # the error of the first leg as the second carries it
    carried = distance(endpoint("the other field", other, back.finer, (0.0, t)), there.end)
    return there.end, there.error + carried


def check(bench: Bench) -> Iterator[Row]:
    f, phi = vector_field(bench), diffeomorphism(bench)
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    require_diffeo(phi, x)
    other = pushforward(f, phi)
    floor = 1.0
    for time in (0.25, 0.5, 0.8):
        t = torch.full_like(x[0, 0], time)
        found, floor = recovered(f, other, x, time)
        yield bench.holds(f"coupling flow, phi_t at t = {time}",
                          distance(found, phi.forward(t, x)), floor)
    swapped, _ = recovered(other, f, x, 0.5)
    half = torch.full_like(x[0, 0], 0.5)
    yield bench.planted("the two flows exchanged, t = 0.5",
                        distance(swapped, phi.forward(half, x)), floor)
    found, floor = recovered(f, other, x, 1.0)
    yield bench.holds("phi_1 = id: the end maps agree", distance(found, x), floor)
    stranger = mlp_field(bench.draw, "g", bench.sizes["dim"], bench.sizes["width"])
    yield bench.planted("phi_1 = id for another end map",
                        distance(recovered(f, stranger, x, 1.0)[0], x), floor)
    yield from clock_pair(bench, f, x)
    yield from linear_pair(bench, x)


def clock_pair(bench: Bench, f: Field, x: Tensor) -> Iterator[Row]:
    """f'(tau, x) = s'(tau) f(s(tau), x) has the end map of f, and phi_tau = Phi^f_{s(tau),tau}."""
    def other(tau: Tensor, p: Tensor) -> Tensor:
        return (1 + 0.6 * math.pi * torch.cos(2 * math.pi * tau) / 2) * f(now(tau), p)

    def now(tau: Tensor) -> Tensor:
        return tau + 0.15 * torch.sin(2 * math.pi * tau)

    found, floor = recovered(f, other, x, 0.3)
    time = float(now(torch.tensor(0.3, dtype=torch.float64)))
    direct = solve("f", f, x, (0.3, time))
    yield bench.holds("other clock, phi_t at t = 0.3", distance(found, direct.end),
                      floor + direct.error)
    yield bench.planted("other clock, phi_t = id at t = 0.3", distance(found, x), floor)


def linear_pair(bench: Bench, x: Tensor) -> Iterator[Row]:
    """A and A + 2 pi J with [A, J] = 0, J^2 = -1 have one end map; phi_t = cos + J sin."""
    dim = x.shape[1]
    if dim % 2:
        return
    basis = torch.linalg.qr(bench.draw.normal("basis", dim, dim))[0]
    one = torch.eye(dim // 2, dtype=x.dtype, device=x.device)
    turn = torch.tensor([[0.0, -1.0], [1.0, 0.0]], dtype=x.dtype, device=x.device)
    J = basis @ torch.kron(one, turn) @ basis.T
    mixed = bench.draw.matrix("A", dim, dim, 0.5)
    A = (mixed - J @ mixed @ J) / 2  # the part that commutes with J
    both = A + 2 * math.pi * J
    found, floor = recovered(lambda t, p: p @ A.T, lambda t, p: p @ both.T, x, 0.7)
    angle = 2 * math.pi * 0.7
    yield bench.holds("A and A + 2 pi J, phi_t at t = 0.7",
                      distance(found, x * math.cos(angle) + x @ J.T * math.sin(angle)), floor)
    yield bench.planted("A and A + 2 pi J, phi_t = id", distance(found, x), floor)
