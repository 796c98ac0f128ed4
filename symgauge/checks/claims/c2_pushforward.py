"""C2: moving a neural ODE by phi_t, id at both ends, is gauge.

dx/dt = f(t, x) and y = phi_t(x): f'(t, y) = [d_t phi_t + (D phi_t) f] o phi_t^-1 (y). The end maps
agree for phi_0 = phi_1 = id, and F_f' = phi_1 o F_f o phi_0^-1 otherwise. Infinitesimally
delta f = d_t xi + f.grad xi - xi.grad f with xi = 0 at both ends moves no end.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.fields import Diffeo
    from symgauge.checks.claims.runtime.report import Bench, Row
    from symgauge.checks.claims.runtime.solver import Field

from symgauge.checks.claims.runtime.fields import (
    along,
    bump_field,
    coupling_flow,
    linearised,
    mlp_field,
    moved_end,
    pushforward,
    require_diffeo,
    start,
)
from symgauge.checks.claims.runtime.solver import (
    METHODS, distance, endpoint, solve, solve_moving, stepped,
)

SIZES = {
    "small": {"dim": 6, "width": 16, "hidden": 8, "samples": 4},
    "full": {"dim": 256, "width": 1024, "hidden": 128, "samples": 8},
    "gpu": {"dim": 4096, "width": 8192, "hidden": 1024, "samples": 8},
}


def vector_field(bench: Bench) -> Field:
    """f(t, x), rows of x are samples: put your own here."""
    return mlp_field(bench.draw, "f", bench.sizes["dim"], bench.sizes["width"])


def diffeomorphism(bench: Bench, ends: float = 0.0) -> Diffeo:
    """phi_t and its inverse, the identity at t = 0 and 1 for ends = 0: put your own here."""
    return coupling_flow(bench.draw, "phi", bench.sizes["dim"], bench.sizes["hidden"], ends)


def check(bench: Bench) -> Iterator[Row]:
    f, phi = vector_field(bench), diffeomorphism(bench)
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    require_diffeo(phi, x)
    base = solve_moving("f", f, x)
    moved = pushforward(f, phi)
    image = solve("the pushforward of f", moved, x)
    floor = base.error + image.error
    half = torch.full_like(x[0, 0], 0.5)
    yield bench.reported("phi moves a point at t = 1/2 by", distance(phi.forward(half, x), x))
    yield bench.holds("end map of the pushforward", distance(image.end, base.end), floor)
    loose = diffeomorphism(bench, ends=0.3)
    one = torch.ones_like(half)
    end = endpoint("f'", pushforward(f, loose), x)
    yield bench.holds("phi_1 not id: F_f' = phi_1 o F_f",
                      distance(end, loose.forward(one, base.end)), floor)
    yield bench.planted("phi_1 not id: F_f' = F_f", distance(end, base.end), floor)
    static = endpoint("f' without d_t phi", pushforward(f, phi, 0.0), x)
    yield bench.planted("without d_t phi", distance(static, base.end), floor)
    yield from infinitesimal(bench, f, x)
    for method, order, steps in METHODS:
        yield bench.converges(f"{method}: error of f' against F_f", lambda n: distance(
            stepped("f'", moved, x, method, n), base.finer), steps, order, base.error)


def infinitesimal(bench: Bench, f: Field, x: Tensor) -> Iterator[Row]:
    """f + eps delta f has the end map of f to first order."""
    xi = bump_field(bench.draw, "xi", bench.sizes["dim"], bench.sizes["width"])
    loose = bump_field(bench.draw, "xi", bench.sizes["dim"], bench.sizes["width"], 0.3)

    def variation(shift: Field, time: float = 1.0, sign: float = 1.0) -> Field:
        def delta(t: Tensor, p: Tensor) -> Tensor:
            rate = time * along(shift, t, p, 1.0, torch.zeros_like(p))
            bracket = along(shift, t, p, 0.0, f(t, p)) - along(f, t, p, 0.0, shift(t, p))
            return rate + sign * bracket
        return delta

    right = solve("the linearised flow", linearised(f, variation(xi)), start(x))
    yield bench.holds("delta f moves no end", moved_end(right.end), right.error)
    for label, delta in (
        ("delta f without d_t xi", variation(xi, time=0.0)),
        ("delta f, the bracket's sign flipped", variation(xi, sign=-1.0)),
        ("delta f, xi not 0 at t = 1", variation(loose)),
    ):
        z = endpoint("the linearised flow", linearised(f, delta), start(x))
        yield bench.planted(label, moved_end(z), right.error)
