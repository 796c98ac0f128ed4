"""C3: the variations of f close under the bracket.

X_xi[f] = d_t xi + f.grad xi - xi.grad f is a vector field on the space of f, and [X_xi, X_eta] is
X_[xi, eta]; [xi, eta] is 0 at the ends where xi and eta are; for xi = w x, eta = v x it is
-[w, v] x. For fields that depend on f it is X of [xi, eta] + X_xi(eta) - X_eta(xi).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.report import Bench, Row
    from symgauge.checks.claims.runtime.solver import Field

from symgauge.checks.claims.runtime.fields import bump_field, mlp_field, rounding
from symgauge.checks.claims.runtime.solver import distance, solve_moving

SIZES = {
    "small": {"dim": 6, "width": 16, "samples": 4},
    "full": {"dim": 256, "width": 1024, "samples": 8},
    "gpu": {"dim": 4096, "width": 8192, "samples": 8},
}

Functional = Callable[["Field"], "Field"]  # xi[f]


def vector_field(bench: Bench) -> Field:
    """f(t, x), rows of x are samples: put your own here."""
    return mlp_field(bench.draw, "f", bench.sizes["dim"], bench.sizes["width"])


def generating(bench: Bench, name: str, ends: float = 0.0) -> Field:
    """xi or eta, zero at both ends for ends = 0: put your own here."""
    return bump_field(bench.draw, name, bench.sizes["dim"], bench.sizes["width"], ends)


def rate(g: Field, t: Tensor, x: Tensor, time: float, v: Tensor) -> Tensor:
    """(time d_t + v.grad) g; it nests, as a second variational derivative needs."""
    out: Tensor = torch.func.jvp(g, (t, x), (torch.full_like(t, time), v))[1]
    return out


def lie(xi: Field, eta: Field) -> Field:
    """[xi, eta] = xi.grad eta - eta.grad xi."""
    return lambda t, x: rate(eta, t, x, 0.0, xi(t, x)) - rate(xi, t, x, 0.0, eta(t, x))


def total(*terms: tuple[float, Field]) -> Field:
    """The sum of the fields with their factors."""
    return lambda t, x: sum((c * g(t, x) for c, g in terms), torch.zeros_like(x))


def variation(xi: Field, f: Field) -> Field:
    """X_xi[f] = d_t xi + f.grad xi - xi.grad f."""
    return lambda t, x: rate(xi, t, x, 1.0, f(t, x)) - rate(f, t, x, 0.0, xi(t, x))


def varied(value: Functional, f: Field, delta: Field) -> Field:
    """The derivative by e of value[f + e delta] at e = 0."""

    def field(t: Tensor, x: Tensor) -> Tensor:
        def at(e: Tensor) -> Tensor:
            return value(lambda s, y: f(s, y) + e * delta(s, y))(t, x)

        zero = torch.zeros_like(x[0, 0])
        out: Tensor = torch.func.jvp(at, (zero,), (torch.ones_like(zero),))[1]
        return out

    return field


def commutator(xi: Functional, eta: Functional, f: Field) -> Field:
    """[X_xi, X_eta][f]: X_eta varied along X_xi, less X_xi varied along X_eta."""
    along_xi, along_eta = variation(xi(f), f), variation(eta(f), f)
    return total((1.0, varied(lambda g: variation(eta(g), g), f, along_xi)),
                 (-1.0, varied(lambda g: variation(xi(g), g), f, along_eta)))


def at_point(field: Field, t: Tensor, x: Tensor) -> tuple[Tensor, float]:
    """A field's value, and what rounding does to it."""
    return field(t, x), rounding(lambda s, p: field(s, p), t, x)


def check(bench: Bench) -> Iterator[Row]:
    f = vector_field(bench)
    xi, eta = generating(bench, "xi"), generating(bench, "eta")
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    t = torch.full_like(x[0, 0], 0.4)
    solve_moving("f", f, x)
    both = commutator(lambda g: xi, lambda g: eta, f)
    left, noise = at_point(both, t, x)
    right, more = at_point(variation(lie(xi, eta), f), t, x)
    floor = noise + more
    yield bench.holds("[X_xi, X_eta] = X_[xi, eta]", distance(right, left), floor)
    yield bench.planted("X_[eta, xi], the sign flipped",
                        distance(variation(lie(eta, xi), f)(t, x), left), floor)
    without = total((1.0, variation(lie(xi, eta), f)),
                    (-1.0, lambda s, p: rate(lie(xi, eta), s, p, 1.0, torch.zeros_like(p))))
    yield bench.planted("without d_t [xi, eta]", distance(without(t, x), left), floor)
    yield from ends(bench, xi, eta, x)
    yield from linear(bench, t, x)
    yield from dependent(bench, f, eta, t, x)


def ends(bench: Bench, xi: Field, eta: Field, x: Tensor) -> Iterator[Row]:
    """[xi, eta] is 0 at both ends, so that its variation moves no end (C2)."""
    times = [torch.full_like(x[0, 0], k / 2) for k in range(3)]
    bracket = lie(xi, eta)
    middle = at_point(bracket, times[1], x)
    both = torch.cat([bracket(t, x) for t in times[::2]])
    zero = torch.zeros_like(both)
    yield bench.holds("[xi, eta] = 0 at both ends", distance(both, zero, middle[0]), middle[1])
    bracket = lie(generating(bench, "xi", 0.3), generating(bench, "eta", 0.3))
    yield bench.planted("xi, eta not 0 at t = 1", distance(bracket(times[2], x), zero[:len(x)],
                        middle[0]), middle[1])


def linear(bench: Bench, t: Tensor, x: Tensor) -> Iterator[Row]:
    """xi = w x, eta = v x, f = A x: minus the commutator of matrices, as in C6."""
    dim = bench.sizes["dim"]
    w, v, A = (bench.draw.matrix(name, dim, dim) for name in "wvA")

    def by(matrix: Tensor) -> Field:
        return lambda s, p: p @ matrix.T

    bracket, matrix = lie(by(w), by(v)), w @ v - v @ w
    here, noise = at_point(bracket, t, x)
    floor = noise + rounding(lambda m: x @ m.T, matrix)
    yield bench.holds("[w x, v x] = -[w, v] x", distance(-x @ matrix.T, here), floor)
    yield bench.planted("[w x, v x] = [w, v] x", distance(x @ matrix.T, here), floor)
    both, noise = at_point(commutator(lambda g: by(w), lambda g: by(v), by(A)), t, x)
    closed = A @ matrix - matrix @ A  # [w, A] with -[w, v] for w
    floor = noise + rounding(lambda m, a: x @ (a @ m - m @ a).T, matrix, A)
    yield bench.holds("on A x: delta A = [-[w, v], A]", distance(x @ closed.T, both), floor)
    yield bench.planted("on A x: delta A = [[w, v], A]", distance(-x @ closed.T, both), floor)


def dependent(bench: Bench, f: Field, eta: Field, t: Tensor, x: Tensor) -> Iterator[Row]:
    """xi[f] = zeta f, with a fixed eta, and with eta[f] = chi d_t f."""
    dim = bench.sizes["dim"]
    zeta, chi = (bench.draw.normal(name, dim) / dim**0.5 for name in ("zeta", "chi"))

    def scaled(g: Field) -> Field:
        return lambda s, p: torch.cos(p @ zeta + s).unsqueeze(-1) * g(s, p)

    def delayed(g: Field) -> Field:
        return lambda s, p: torch.sin(p @ chi - s).unsqueeze(-1) * rate(
            g, s, p, 1.0, torch.zeros_like(p))

    choices: tuple[tuple[str, Functional], ...] = (
        ("xi = zeta f, eta fixed", lambda g: eta), ("zeta f, chi d_t f", delayed))
    for label, other in choices:
        left, noise = at_point(commutator(scaled, other, f), t, x)
        plain = lie(scaled(f), other(f))
        one = varied(other, f, variation(scaled(f), f))
        two = varied(scaled, f, variation(other(f), f))

        def closed(correction: float) -> Field:
            """X of [xi, eta] and so many times X_xi(eta) - X_eta(xi)."""
            return variation(total((1.0, plain), (correction, one), (-correction, two)), f)

        right, more = at_point(closed(1.0), t, x)
        floor = noise + more
        yield bench.holds(f"{label}: corrected", distance(right, left), floor)
        yield bench.planted(f"{label}: without", distance(closed(0.0)(t, x), left), floor)
        yield bench.planted(f"{label}: other sign", distance(closed(-1.0)(t, x), left), floor)
