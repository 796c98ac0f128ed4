"""C5: spacetime diffeomorphisms, id at both ends, are gauge.

(t, x) -> (T, X) maps the slab onto itself and D_f T > 0. With D_f = d_t + f.grad the moved field is
f'(T, X) = D_f X / D_f T. Infinitesimally delta f = D_f xi - f D_f zeta - zeta d_t f - xi.grad f,
which is the variation by eta = xi - zeta f alone: motion along the worldlines is idle.
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

from symgauge.checks.claims.runtime.fields import (
    along,
    bump_field,
    coupling_flow,
    linearised,
    mlp_field,
    moved_end,
    rounding,
    start,
)
from symgauge.checks.claims.runtime.solver import (
    METHODS,
    distance,
    endpoint,
    jvp,
    place,
    solve,
    solve_moving,
    stepped,
)
from symgauge.checks.runtime.record import BadInput

SIZES = {
    "small": {"dim": 6, "width": 16, "hidden": 8, "samples": 4},
    "full": {"dim": 256, "width": 1024, "hidden": 128, "samples": 8},
    "gpu": {"dim": 4096, "width": 8192, "hidden": 1024, "samples": 8},
}

Both = tuple[Tensor, Tensor]
Map = Callable[[Tensor, Tensor], Both]


@dataclass(frozen=True)
class Spacetime:
    """(t, x) -> (T, X) and its inverse; times are a column, one for each sample."""

    forward: Map
    inverse: Map


def vector_field(bench: Bench) -> Field:
    """f(t, x), rows of x are samples and t may be a column: put your own here."""
    return mlp_field(bench.draw, "f", bench.sizes["dim"], bench.sizes["width"])


def diffeomorphism(bench: Bench, tilt: float = 0.5) -> Spacetime:
    """T = t + tilt t (1 - t) w(x), |w| <= 1, then X = phi_T(x): put your own here."""
    dim, hidden = bench.sizes["dim"], bench.sizes["hidden"]
    phi = coupling_flow(bench.draw, "phi", dim, hidden)
    covector = bench.draw.normal("w", dim)

    def slope(x: Tensor) -> Tensor:
        return tilt * torch.tanh(x @ covector / math.sqrt(dim)).unsqueeze(-1)

    def forward(t: Tensor, x: Tensor) -> Both:
        T = t + t * (1 - t) * slope(x)
        return T, phi.forward(T, x)

    def inverse(T: Tensor, X: Tensor) -> Both:
        x = phi.inverse(T, X)
        a = slope(x)  # the root of a t^2 - (1 + a) t + T = 0 in [0, 1]
        return 2 * T / ((1 + a) + torch.sqrt((1 + a) ** 2 - 4 * a * T)), x

    return Spacetime(forward, inverse)


def require_spacetime(phi: Spacetime, x: Tensor) -> None:
    """Raises BadInput unless the inverse is one, and the map the identity on both end slices."""
    limit = 1e4 * torch.finfo(x.dtype).eps
    for time in (0.0, 0.25, 0.5, 0.75, 1.0):
        t = torch.full_like(x[:, :1], time)
        T, X = phi.forward(t, x)
        back = phi.inverse(T, X)
        for what, gap in (
            ("the inverse of the diffeomorphism is none", torch.cat([back[0] - t, back[1] - x], 1)),
            ("the diffeomorphism is not the identity", torch.cat([T - t, X - x], 1)),
        ):
            if what.endswith("identity") and time not in (0.0, 1.0):
                continue
            bad = ~(gap.abs() <= limit * (1 + x.abs().amax(1, keepdim=True)))
            if bad.any():
                raise BadInput(f"{what} at {place(t, x, bad)}: off by {float(gap.abs().max()):.2g}")


class Moved:
    """f'(T, X) = D_f X / D_f T, with the least D_f T that was met.

    `denominator`: "whole", or for the planted failures "d_t T alone" or "none".
    Raises BadInput where D_f T <= 0, saying at which time and point.
    """

    def __init__(self, f: Field, phi: Spacetime, denominator: str = "whole") -> None:
        self.f, self.phi, self.denominator = f, phi, denominator
        self.least = math.inf

    def __call__(self, T: Tensor, X: Tensor) -> Tensor:
        t, x = self.phi.inverse(T.expand(len(X), 1), X)
        v, one = self.f(t, x), torch.ones_like(t)
        rate_T, rate_X = jvp(self.phi.forward, (t, x), (one, v))[1]
        bad = ~(rate_T > 0)
        if bad.any():
            raise BadInput(
                f"D_f T = {float(rate_T.min()):.3g} is not positive at {place(t, x, bad)}: the "
                "worldline turns back in the new time; take a diffeomorphism nearer the identity"
            )
        self.least = min(self.least, float(rate_T.min()))
        if self.denominator == "none":
            return rate_X  # type: ignore[no-any-return]
        if self.denominator == "d_t T alone":
            rate_T = jvp(self.phi.forward, (t, x), (one, torch.zeros_like(v)))[1][0]
        return rate_X / rate_T  # type: ignore[no-any-return]


def check(bench: Bench) -> Iterator[Row]:
    f, phi = vector_field(bench), diffeomorphism(bench)
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    require_spacetime(phi, x)
    base = solve_moving("f", f, x)
    moved = Moved(f, phi)
    image = solve("the moved field", moved, x)
    floor = base.error + image.error
    t, point = phi.inverse(torch.full_like(x[:, :1], 0.5), base.end)
    yield bench.reported("|t - T| at T = 1/2, at most", float((t - 0.5).abs().max()))
    yield bench.holds("end map of the moved field", distance(image.end, base.end), floor)
    yield bench.reported("least D_f T on the worldlines", moved.least)
    for denominator, label in (("none", "without the denominator D_f T"),
                               ("d_t T alone", "d_t T for D_f T")):
        end = endpoint("f'", Moved(f, phi, denominator), x)
        yield bench.planted(label, distance(end, base.end), floor)
    yield from infinitesimal(bench, f, x)
    for method, order, steps in METHODS:
        yield bench.converges(f"{method}: error of f' against F_f", lambda n: distance(
            stepped("f'", moved, x, method, n), base.finer), steps, order, base.error)


def infinitesimal(bench: Bench, f: Field, x: Tensor) -> Iterator[Row]:
    """delta f by (zeta, xi), its planted failures, and the idle part zeta (1, f)."""
    dim, width = bench.sizes["dim"], bench.sizes["width"]
    xi = bump_field(bench.draw, "xi", dim, width)
    covector = bench.draw.normal("zeta", dim) / math.sqrt(dim)

    def zeta_of(ends: float) -> Field:
        return lambda t, p: (torch.sin(math.pi * t) / 2 + ends * t) * torch.cos(
            p @ covector
        ).unsqueeze(-1)

    def variation(zeta: Field, stretch: float = 1.0, drift: float = 1.0) -> Field:
        """The claim has stretch = drift = 1: the factors of f D_f zeta and zeta d_t f."""
        def delta(t: Tensor, p: Tensor) -> Tensor:
            v = f(t, p)
            out = along(xi, t, p, 1.0, v) - along(f, t, p, 0.0, xi(t, p))
            out = out - stretch * v * along(zeta, t, p, 1.0, v)
            return out - drift * zeta(t, p) * along(f, t, p, 1.0, torch.zeros_like(p))
        return delta

    zeta = zeta_of(0.0)
    claimed = variation(zeta)
    right = solve("the linearised flow", linearised(f, claimed), start(x))
    yield bench.holds("delta f moves no end", moved_end(right.end), right.error)
    for label, delta in (
        ("delta f without f D_f zeta", variation(zeta, stretch=0.0)),
        ("delta f without zeta d_t f", variation(zeta, drift=0.0)),
        ("delta f, zeta not 0 at t = 1", variation(zeta_of(0.3))),
    ):
        z = endpoint("the linearised flow", linearised(f, delta), start(x))
        yield bench.planted(label, moved_end(z), right.error)

    def by_eta(sign: float, t: Tensor, p: Tensor) -> Tensor:
        def eta(s: Tensor, q: Tensor) -> Tensor:
            return xi(s, q) - sign * zeta(s, q) * f(s, q)

        return along(eta, t, p, 1.0, f(t, p)) - along(f, t, p, 0.0, eta(t, p))

    t = torch.full_like(x[0, 0], 0.4)
    here, small = claimed(t, x), rounding(lambda p: claimed(t, p), x)
    yield bench.holds("delta f is that of eta = xi - zeta f",
                      distance(by_eta(1.0, t, x), here), small)
    yield bench.planted("eta = xi + zeta f", distance(by_eta(-1.0, t, x), here), small)
