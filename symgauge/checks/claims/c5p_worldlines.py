"""C5': worldlines dx^mu/ds = v^mu(x), and f^i = v^i / v^0.

v and lambda v, lambda > 0, have one set of worldlines and one f; a pushforward of v carries both.
Infinitesimally delta v = [v, xi] + sigma v: sigma slides points along their worldlines, and
sigma = -D_f zeta, zeta = xi^0, keeps v^0 = 1 and gives the delta f of C5.
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
    Diffeo,
    along,
    bump_field,
    coupling_flow,
    linearised,
    mlp_field,
    moved_end,
    rounding,
    start,
)
from symgauge.checks.claims.runtime.solver import distance, endpoint, place, solve, solve_moving
from symgauge.checks.runtime.record import BadInput

SIZES = {
    "small": {"dim": 6, "width": 16, "hidden": 8, "samples": 4},
    "full": {"dim": 256, "width": 1024, "hidden": 128, "samples": 8},
    "gpu": {"dim": 4096, "width": 8192, "hidden": 1024, "samples": 8},
}

Vector = Callable[[Tensor], Tensor]  # at rows (t, x) of spacetime


def velocity(bench: Bench) -> Vector:
    """v^mu with 0.5 < v^0 < 0.9, so that s in [0, 1] stays in the slab: put your own here."""
    return mlp_vector(bench, "v", lambda slope: 0.7 + 0.2 * torch.tanh(slope))


def mlp_vector(bench: Bench, name: str, time: Callable[[Tensor], Tensor]) -> Vector:
    """An MLP in space, and a function of a slope in time."""
    dim = bench.sizes["dim"]
    space = mlp_field(bench.draw, name, dim, bench.sizes["width"])
    slope = scalar(bench, name + ".0", time)
    return lambda z: torch.cat([slope(z), space(z[:, :1], z[:, 1:])], 1)


def scalar(bench: Bench, name: str, of: Callable[[Tensor], Tensor]) -> Vector:
    """A function of t + w.x, one column."""
    covector = bench.draw.normal(name, bench.sizes["dim"], 1) / math.sqrt(bench.sizes["dim"])
    return lambda z: of(z[:, :1] + z[:, 1:] @ covector)


def diffeomorphism(bench: Bench, tilt: float = 0.4) -> Diffeo:
    """X = phi_t(x), T = t + tilt t (1 - t) w(X) on rows of spacetime: put your own here.

    It is the identity at t = 0 and 1; the first argument of both maps is idle.
    """
    phi = coupling_flow(bench.draw, "phi", bench.sizes["dim"], bench.sizes["hidden"])
    covector = bench.draw.normal("w", bench.sizes["dim"], 1) / math.sqrt(bench.sizes["dim"])

    def forward(_: Tensor, z: Tensor) -> Tensor:
        t, X = z[:, :1], phi.forward(z[:, :1], z[:, 1:])
        return torch.cat([t + t * (1 - t) * tilt * torch.tanh(X @ covector), X], 1)

    def inverse(_: Tensor, z: Tensor) -> Tensor:
        T, X = z[:, :1], z[:, 1:]
        a = tilt * torch.tanh(X @ covector)  # the root of a t^2 - (1 + a) t + T = 0 in [0, 1]
        t = 2 * T / ((1 + a) + torch.sqrt((1 + a) ** 2 - 4 * a * T))
        return torch.cat([t, phi.inverse(t, X)], 1)

    return Diffeo(forward, inverse)


def ratio(v: Vector) -> Field:
    """f^i = v^i / v^0. Raises BadInput where v^0 is not positive."""

    def field(t: Tensor, x: Tensor) -> Tensor:
        out = v(torch.cat([t.expand(len(x), 1), x], 1))
        bad = ~(out[:, :1] > 0)
        if bad.any():
            raise BadInput(f"v^0 is not positive at {place(t, x, bad)}: the worldline turns back")
        return out[:, 1:] / out[:, :1]

    return field


def run(v: Vector) -> Field:
    """dx^mu/ds = v^mu."""
    return lambda s, z: v(z)


def derivative(g: Vector, z: Tensor, v: Tensor) -> Tensor:
    """v.grad g."""
    return along(lambda _, y: g(y), z[0, 0], z, 0.0, v)


def pushed(v: Vector, phi: Diffeo) -> Vector:
    """(Phi_* v) o Phi = v.grad Phi."""

    def moved(z: Tensor) -> Tensor:
        there = phi.inverse(z, z)
        return derivative(lambda y: phi.forward(y, y), there, v(there))

    return moved


def check(bench: Bench) -> Iterator[Row]:
    v = velocity(bench)
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    z = torch.cat([0 * x[:, :1], x], 1)
    line = solve_moving("v", run(v), z)
    yield from factors(bench, v, z, line.end)
    phi = diffeomorphism(bench)
    w = pushed(v, phi)
    image = solve("the pushforward", run(w), z)
    floor = line.error + image.error
    there = phi.forward(z, line.end)
    yield bench.holds("Phi of a worldline is one of Phi_* v", distance(image.end, there), floor)
    yield bench.planted("v at the image for Phi_* v", distance(line.end, there), floor)
    f = ratio(v)
    base, moved = solve("f", f, x), solve("f'", ratio(w), x)
    floor = base.error + moved.error
    yield bench.holds("f' of Phi_* v: the same end map", distance(moved.end, base.end), floor)
    lone = endpoint("f'", lambda t, p: w(torch.cat([t.expand(len(p), 1), p], 1))[:, 1:], x)
    yield bench.planted("without 1 / (Phi_* v)^0", distance(lone, base.end), floor)
    yield from first_order(bench, v, z)
    yield from unit_time(bench, f, x)


def factors(bench: Bench, v: Vector, z: Tensor, end: Tensor) -> Iterator[Row]:
    """v -> lambda v, with lambda a function on spacetime between 0.7 and 1.3."""
    factor = scalar(bench, "lambda", lambda slope: 1 + 0.3 * torch.sin(2 * slope))
    f, x = ratio(v), z[:, 1:]

    def scaled(y: Tensor) -> Tensor:
        return factor(y) * v(y)

    def time_alone(y: Tensor) -> Tensor:
        return torch.cat([factor(y) * v(y)[:, :1], v(y)[:, 1:]], 1)

    def apart(stop: Tensor) -> tuple[float, float]:
        """The end of a worldline against the flow of f for the same time, and the floor."""
        duration = stop[:, :1]
        flow = solve("f", lambda r, p: duration * f(r * duration, p), x)
        return distance(stop[:, 1:], flow.end), flow.error

    lines = {"v": v, "lambda v": scaled}
    for label, field in lines.items():
        line = solve(label, run(field), z)
        off, floor = apart(line.end)
        yield bench.holds(f"worldlines of {label}: those of f", off, floor + line.error)
    wrong = solve("lambda on v^0", run(time_alone), z)
    off, floor = apart(wrong.end)
    yield bench.planted("lambda on v^0 alone", off, floor + wrong.error)
    yield bench.planted("lambda v, at the same s", distance(
        endpoint("lambda v", run(scaled), z), end), floor + wrong.error)

    def value(y: Tensor) -> Tensor:
        return ratio(scaled)(y[:, :1], y[:, 1:])

    here, noise = f(end[:, :1], end[:, 1:]), rounding(value, end)
    yield bench.holds("f is left by lambda", distance(value(end), here), noise)


def first_order(bench: Bench, v: Vector, z: Tensor) -> Iterator[Row]:
    """v + eps delta v moves worldlines by eps xi, and by what sigma adds along them."""
    xi = mlp_vector(bench, "xi", torch.sin)
    sigma = scalar(bench, "sigma", torch.cos)

    def delta(sign: float, slide: float, extra: float = 0.0) -> Field:
        def field(_: Tensor, y: Tensor) -> Tensor:
            here = v(y)
            out = sign * (derivative(xi, y, here) - derivative(v, y, xi(y)))
            only = torch.cat([here[:, :1], 0 * here[:, 1:]], 1)
            return out + slide * sigma(y) * here + extra * sigma(y) * only
        return field

    def across(states: Tensor) -> float:
        """The part of dz - xi across the worldline: its space part less f times its time part."""
        y, gap = states[0], states[1] - xi(states[0])
        here = v(y)
        out = gap[:, 1:] - here[:, 1:] / here[:, :1] * gap[:, :1]
        return distance(out, torch.zeros_like(out), xi(y))

    def moved(field: Field) -> Field:
        return linearised(run(v), field)

    begin = torch.stack([z, xi(z)])
    right = solve("delta v", moved(delta(1.0, 0.0)), begin)
    yield bench.holds("delta v = [v, xi] moves them by xi",
                      distance(right.end[1], xi(right.end[0])), right.error)
    slid = solve("delta v", moved(delta(1.0, 1.0)), begin)
    floor = right.error + slid.error
    yield bench.holds("sigma v moves none across itself", across(slid.end), floor)
    for label, field in (("delta v = [xi, v]", delta(-1.0, 0.0)),
                         ("sigma on v^0 alone", delta(1.0, 0.0, 1.0))):
        end = endpoint("delta v", moved(field), begin)
        yield bench.planted(label, across(end), floor)


def unit_time(bench: Bench, f: Field, x: Tensor) -> Iterator[Row]:
    """v = (1, f): sigma = -D_f zeta keeps v^0 = 1, and delta f is that of C5."""
    space = bump_field(bench.draw, "xi.f", bench.sizes["dim"], bench.sizes["width"])
    slope = scalar(bench, "zeta", torch.cos)

    def xi(y: Tensor) -> Tensor:
        t, p = y[:, :1], y[:, 1:]
        return torch.cat([torch.sin(math.pi * t) / 2 * slope(y), space(t, p)], 1)

    def v(y: Tensor) -> Tensor:
        return torch.cat([torch.ones_like(y[:, :1]), f(y[:, :1], y[:, 1:])], 1)

    def delta(factor: float, y: Tensor) -> Tensor:
        """[v, xi] + factor sigma v."""
        here = v(y)
        rate = derivative(xi, y, here)
        return rate - derivative(v, y, xi(y)) - factor * rate[:, :1] * here

    def of_f(factor: float) -> Field:
        return lambda t, p: delta(factor, torch.cat([t.expand(len(p), 1), p], 1))[:, 1:]

    y = torch.cat([torch.full_like(x[:, :1], 0.4), x], 1)
    scale = delta(0.0, y)
    floor = rounding(lambda q: delta(0.0, q), y)
    zero = torch.zeros_like(y[:, :1])
    for factor, said in ((1.0, "sigma = -D_f zeta keeps v^0 = 1"), (0.0, "v^0 = 1 without sigma"),
                         (-1.0, "sigma = +D_f zeta keeps v^0 = 1")):
        judged = bench.holds if factor == 1 else bench.planted
        yield judged(said, distance(delta(factor, y)[:, :1], zero, scale), floor)
    right = solve("the linearised flow", linearised(f, of_f(1.0)), start(x))
    yield bench.holds("delta f, as in C5: no end moves", moved_end(right.end), right.error)
    end = endpoint("the linearised flow", linearised(f, of_f(0.0)), start(x))
    yield bench.planted("delta f without sigma", moved_end(end), right.error)
