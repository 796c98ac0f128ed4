"""Random vector fields and diffeomorphisms of full size, and what the claims do to them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from symgauge.checks.claims.runtime.solver import Field, distance, jvp, place
from symgauge.checks.runtime.record import BadInput, seeded

ENDS = (0.0, 1.0)  # the interval of every check


@dataclass(frozen=True)
class Draw:
    """Random tensors, the same on every device: each name has a generator of its own."""

    seed: int
    dtype: torch.dtype
    device: torch.device

    def normal(self, name: str, *shape: int) -> Tensor:
        """Entries from N(0, 1)."""
        rng = seeded(torch.device("cpu"), self.seed, name)
        drawn = torch.randn(shape, generator=rng, dtype=torch.float64)
        return drawn.to(self.device, self.dtype)

    def matrix(self, name: str, rows: int, columns: int, size: float = 1.0) -> Tensor:
        """A random matrix that keeps the norm of a vector, times `size`."""
        return self.normal(name, rows, columns).mul_(size / math.sqrt(columns))


def beside(x: Tensor, *columns: Tensor) -> Tensor:
    """x with a number, or a column, beside each row: so that time and bias are matrix products.

    A product with a matrix is quick in forward mode; the product of a dual and a plain tensor of
    small size is not.
    """
    return torch.cat([x, *(c.expand(*x.shape[:-1], 1) for c in columns)], -1)


def mlp_field(draw: Draw, name: str, dim: int, width: int, size: float = 1.5) -> Field:
    """f(t, x) = W_2 tanh(W_1 x + c t + b): bounded, so its solutions exist for all times."""
    inner = draw.matrix(name + ".inner", width, dim)
    outer = draw.matrix(name + ".outer", dim, width, size)
    rate, bias = draw.normal(name + ".rate", width, 1), draw.normal(name + ".bias", width, 1) / 2
    inner, one = torch.cat([inner, rate, bias], 1), torch.ones_like(bias[0])

    def field(t: Tensor, x: Tensor) -> Tensor:
        return torch.tanh(beside(x, t, one) @ inner.T) @ outer.T

    return field


@dataclass(frozen=True)
class Diffeo:
    """phi_t and its inverse, both as functions of (t, point)."""

    forward: Field
    inverse: Field


def bumped(t: Tensor, ends: float) -> Tensor:
    """sin(pi t) + ends t: zero at t = 0, and at t = 1 for ends = 0."""
    bump = torch.sin(math.pi * t)
    return bump + ends * t if ends else bump


def coupling_flow(draw: Draw, name: str, dim: int, hidden: int, ends: float = 0.0) -> Diffeo:
    """Four coupling layers, each moving one half of x by the other: u -> u e^(b s) + b m.

    b(t) = sin(pi t) + ends t, so phi_0 = phi_1 = id for ends = 0, while the time derivatives at
    the ends do not vanish; s and m are tanh networks of the other half and of t.
    """
    half, rest = dim // 2, dim - dim // 2
    layers = []
    for k in range(4):
        reads, moves = (half, rest) if k % 2 == 0 else (rest, half)
        inner = draw.matrix(f"{name}.{k}.inner", hidden, reads)
        layers.append((
            torch.cat([inner, draw.normal(f"{name}.{k}.rate", hidden, 1)], 1),
            draw.matrix(f"{name}.{k}.scale", moves, hidden, 0.3),
            draw.matrix(f"{name}.{k}.shift", moves, hidden, 0.5),
        ))

    def motion(k: int, t: Tensor, bump: Tensor, read: Tensor) -> tuple[Tensor, Tensor]:
        inner, scale, shift = layers[k]
        seen = torch.tanh(beside(read, t) @ inner.T)
        return torch.exp(bump * torch.tanh(seen @ scale.T)), bump * (seen @ shift.T)

    def forward(t: Tensor, x: Tensor) -> Tensor:
        a, b, bump = x[..., :half], x[..., half:], bumped(t, ends)
        for k in range(4):
            factor, shift = motion(k, t, bump, a if k % 2 == 0 else b)
            a, b = (a, b * factor + shift) if k % 2 == 0 else (a * factor + shift, b)
        return torch.cat([a, b], -1)

    def inverse(t: Tensor, y: Tensor) -> Tensor:
        a, b, bump = y[..., :half], y[..., half:], bumped(t, ends)
        for k in reversed(range(4)):
            factor, shift = motion(k, t, bump, a if k % 2 == 0 else b)
            a, b = (a, (b - shift) / factor) if k % 2 == 0 else ((a - shift) / factor, b)
        return torch.cat([a, b], -1)

    return Diffeo(forward, inverse)


def bump_field(draw: Draw, name: str, dim: int, width: int, ends: float = 0.0) -> Field:
    """xi(t, x) = (sin(pi t) + ends t) times an MLP field: zero at both ends for ends = 0."""
    field = mlp_field(draw, name, dim, width, 1.0)
    return lambda t, x: bumped(t, ends) * field(t, x)


def require_diffeo(phi: Diffeo, x: Tensor, ends: bool = True) -> None:
    """Raises BadInput unless the inverse is one at five times, phi is the identity at the ends and
    moves a point between them; all are tested at the points x."""
    limit = 1e4 * torch.finfo(x.dtype).eps
    moved = False
    for time in (0.0, 0.25, 0.5, 0.75, 1.0):
        t = torch.tensor(time, dtype=x.dtype, device=x.device)
        y = phi.forward(t, x)
        gap = (phi.inverse(t, y) - x).abs()
        bad = ~(gap <= limit * (1 + x.abs()))
        if bad.any():
            raise BadInput(
                f"the inverse of the diffeomorphism is none at {place(t, x, bad)}: going there "
                f"and back misses by {float(gap.max()):.2g}"
            )
        gap = (y - x).abs()
        bad = ~(gap <= limit * (1 + x.abs()))
        moved = moved or (time not in ENDS and bool(bad.any()))
        if ends and time in ENDS and bad.any():
            raise BadInput(
                f"the diffeomorphism is not the identity at the end {place(t, x, bad)}: it moves "
                f"a point by {float(gap.max()):.2g}; multiply it by a factor that vanishes there"
            )
    if not moved:
        raise BadInput(
            "the diffeomorphism moves no point between the ends, so that no planted failure would "
            "be seen: give one that is not the identity"
        )


def pushforward(f: Field, phi: Diffeo, time_part: float = 1.0) -> Field:
    """f'(t, y) = [d_t phi_t + (D phi_t) f] o phi_t^-1 (y); time_part 0 forgets d_t phi."""

    def moved(t: Tensor, y: Tensor) -> Tensor:
        x = phi.inverse(t, y)
        one = torch.full_like(t, time_part)
        rate: Tensor = jvp(phi.forward, (t, x), (one, f(t, x)))[1]
        return rate

    return moved


def along(g: Callable[..., Tensor], t: Tensor, x: Tensor, time: float, v: Tensor) -> Tensor:
    """The directional derivative (time d_t + v.grad) g."""
    out: Tensor = jvp(g, (t, x), (torch.full_like(t, time), v))[1]
    return out


def linearised(f: Field, delta: Field) -> Field:
    """The flow of (x, dx): dx/dt = f, d(dx)/dt = dx.grad f + delta; how f + eps delta moves x."""

    def both(t: Tensor, z: Tensor) -> Tensor:
        x, dx = z[0], z[1]
        return torch.stack([f(t, x), along(f, t, x, 0.0, dx) + delta(t, x)])

    return both


def start(x: Tensor) -> Tensor:
    """(x, 0): where a linearised flow starts."""
    return torch.stack([x, torch.zeros_like(x)])


def moved_end(z: Tensor) -> float:
    """How far the end of a linearised flow is moved, in units of the state."""
    return distance(z[1], torch.zeros_like(z[1]), z[0])


def rounding(result: Callable[..., Tensor], *inputs: Tensor) -> float:
    """The change of a result when every entry of its inputs moves by one unit in the last place."""
    rng = torch.Generator().manual_seed(0)
    moved = []
    for tensor in inputs:
        sign = torch.randint(0, 2, tensor.shape, generator=rng).to(tensor) * 2 - 1
        moved.append(tensor * (1 + torch.finfo(tensor.dtype).eps * sign))
    here = result(*inputs)
    return max(distance(result(*moved), here), torch.finfo(here.dtype).eps)
