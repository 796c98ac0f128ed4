"""C8: permutations lift when even; odd ones need one more unit.

A flow keeps orientation: log det DF = int div f dt is real. The logarithm of a permutation turns
each plane of a cycle's Fourier modes; a cycle of even length has one mode of eigenvalue -1. Two of
these make a plane, turned by pi; an odd permutation has one left, which turns with a new unit.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.report import Bench, Row
    from symgauge.checks.claims.runtime.solver import Field

from symgauge.checks.claims.runtime.fields import along, mlp_field, rounding
from symgauge.checks.claims.runtime.solver import distance, solve, solve_moving

SIZES = {
    "small": {"dim": 7, "samples": 4, "flow_dim": 4, "width": 16},
    "full": {"dim": 256, "samples": 16, "flow_dim": 24, "width": 256},
    "gpu": {"dim": 4096, "samples": 16, "flow_dim": 64, "width": 1024},
}


def vector_field(bench: Bench) -> Field:
    """f(t, x), whose flow keeps orientation: put your own here."""
    return mlp_field(bench.draw, "f", bench.sizes["flow_dim"], bench.sizes["width"])


def cycles(images: Sequence[int]) -> list[list[int]]:
    """The cycles of i -> images[i].

    >>> cycles([1, 0, 2])
    [[0, 1], [2]]
    """
    seen: set[int] = set()
    found = []
    for first in range(len(images)):
        cycle, i = [], first
        while i not in seen:
            seen.add(i)
            cycle.append(i)
            i = images[i]
        found += [cycle] if cycle else []
    return found


def permutations(bench: Bench) -> tuple[list[int], list[int]]:
    """An even and an odd permutation, each with a cycle of even length."""
    images = bench.draw.normal("order", bench.sizes["dim"]).argsort().tolist()
    swapped = [images[1], images[0], *images[2:]]
    odd = sum(len(c) % 2 == 0 for c in cycles(images)) % 2
    return (swapped, images) if odd else (images, swapped)


def matrix_of(images: Sequence[int], like: Tensor) -> Tensor:
    """The matrix that sends e_i to e_images[i]."""
    one = torch.eye(len(images)).to(like)
    return one[:, torch.tensor(images)]


def turned(modes: Sequence[Tensor], turns: float = 0.5) -> Tensor:
    """The skew matrix that turns each pair of unit vectors by pi in unit time (half a turn)."""
    found = torch.zeros_like(torch.outer(modes[0], modes[0]))
    for u, v in zip(modes[::2], modes[1::2]):
        found = found + 2 * math.pi * turns * (torch.outer(v, u) - torch.outer(u, v))
    return found


def logarithm(images: Sequence[int], like: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The skew logarithm away from eigenvalue -1, and the unit vectors of that eigenvalue."""
    n = len(images)
    found, modes = torch.zeros(n, n).to(like), []
    for cycle in cycles(images):
        m, where = len(cycle), torch.tensor(cycle)
        steps = torch.arange(m).to(like)
        k = torch.arange(1, (m + 1) // 2).to(like)
        wave = (k * torch.sin(2 * math.pi * k * steps[:, None] / m)).sum(1) * (4 * math.pi / m**2)
        apart = (torch.arange(m)[:, None] - torch.arange(m)) % m
        found[where[:, None], where] = wave[apart]
        if m % 2 == 0:
            mode = torch.zeros(n).to(like)
            mode[where] = (1 - 2 * (steps % 2)) / math.sqrt(m)
            modes.append(mode)
    return found, modes


def linear(A: Tensor) -> Field:
    return lambda t, x: x @ A.T


def padded(rows: Tensor, units: int = 1) -> Tensor:
    """The rows with zeros for one more unit."""
    return torch.cat([rows, rows.new_zeros(*rows.shape[:-1], units)], -1)


def check(bench: Bench) -> Iterator[Row]:
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    yield from orientation(bench)
    even, odd = permutations(bench)
    P = matrix_of(even, x)
    smooth, modes = logarithm(even, x)
    A = smooth + turned([*modes, *([] if modes else [x[0], x[0]])])
    flow = solve_moving("A", linear(A), x)
    yield bench.holds("even: the flow of A ends at P x", distance(flow.end, x @ P.T), flow.error)
    floor = exponential_floor(A)
    yield bench.holds("even: e^A = P", distance(torch.matrix_exp(A), P), floor)
    yield bench.holds("even: det P = e^(tr A)", gap(P, A), floor)
    yield bench.planted("even: the inverse of P", distance(torch.matrix_exp(A), P.T), floor)
    yield from odd_one(bench, odd, x)
    yield from flips(bench, x)


def exponential_floor(A: Tensor) -> float:
    """The exponential's own error: rounding, and against the third power of a third."""
    third = torch.matrix_exp(A / 3)
    return rounding(torch.matrix_exp, A) + distance(third @ third @ third, torch.matrix_exp(A))


def gap(P: Tensor, A: Tensor) -> float:
    """|det P - e^(tr A)|; a real flow of matrix A has the determinant e^(tr A) > 0."""
    return float((torch.linalg.det(P) - torch.exp(torch.trace(A))).abs())


def orientation(bench: Bench) -> Iterator[Row]:
    """log det DF = int div f dt for a nonlinear f; no sign of det DF but +."""
    f, n = vector_field(bench), bench.sizes["flow_dim"]
    one = torch.eye(n, dtype=bench.dtype, device=bench.device)
    x = bench.draw.normal("p", 1, n)

    def rates(t: Tensor, z: Tensor) -> Tensor:
        """z: the point, the columns of DF as rows, and int div f (in one entry)."""
        here = z[:1].repeat(n, 1)
        by_entry = along(f, t, here, 0.0, one)
        div = torch.diagonal(by_entry).sum() * one[:1]
        return torch.cat([f(t, z[:1]), z[1:n + 1] @ by_entry, div])

    flow = solve("f and its Jacobian", rates, torch.cat([x, one, 0 * x]))
    sign, size = torch.linalg.slogdet(flow.end[1:n + 1])
    total = flow.end[n + 1, 0]
    floor = flow.error * float(torch.linalg.cond(flow.end[1:n + 1]))
    yield bench.holds("log det DF = int div f", float((size - total).abs()), floor)
    yield bench.holds("det DF = e^int div f, above 0",
                      float((sign * size.exp() / total.exp() - 1).abs()), floor)
    yield bench.planted("a flow may reverse orientation",
                        float((sign * size.exp() / total.exp() + 1).abs()), floor)


def odd_one(bench: Bench, images: Sequence[int], x: Tensor) -> Iterator[Row]:
    """Real on one more dimension, complex on its own, and no real lift there: det < 0."""
    P = matrix_of(images, x)
    smooth, modes = logarithm(images, x)
    unit = padded(torch.zeros_like(x[0]))
    unit[-1] = 1
    A = torch.block_diag(smooth, smooth.new_zeros(1, 1))
    A = A + turned([*map(padded, modes), unit])
    flow = solve("A", linear(A), padded(x))
    yield bench.holds("odd, padded: ends at (P x, 0)",
                      distance(flow.end, padded(x @ P.T)), flow.error)
    floor, image = exponential_floor(A), torch.matrix_exp(A)
    over = torch.block_diag(P, -P.new_ones(1, 1))
    yield bench.holds("odd, padded: e^A = diag(P, -1)", distance(image, over), floor)
    yield bench.planted("odd, padded: e^A = diag(P, 1)", distance(image, over.abs()), floor)
    left = modes[-1]
    rest = smooth + turned([*modes[:-1], *([] if modes[:-1] else [left, left])])
    lift = torch.matrix_exp(rest + 1j * math.pi * torch.outer(left, left))
    own = exponential_floor(rest)
    yield bench.holds("odd: a complex logarithm", distance(torch.view_as_real(lift),
                      torch.view_as_real(P + 0j)), own)
    yield bench.planted("odd, not padded: its real part",
                        distance(torch.matrix_exp(rest), P), own)
    yield bench.planted("odd, not padded: det P = e^(tr A)", gap(P, rest), own)


def flips(bench: Bench, x: Tensor) -> Iterator[Row]:
    """Two sign flips are half a turn; one is half a turn with a new unit."""
    one = torch.eye(x.shape[1] + 1).to(x)
    signs = torch.ones_like(one[0])
    for label, (i, j) in (("two sign flips", (0, 1)), ("one sign flip, padded", (0, -1))):
        flow = solve("A", linear(turned([one[i], one[j]])), padded(x))
        factors = signs - 2 * one[i] - 2 * one[j]
        yield bench.holds(label, distance(flow.end, padded(x) * factors), flow.error)
    half = solve("A", linear(turned([one[0], one[-1]], 0.25)), padded(x))
    yield bench.planted("one sign flip by a quarter turn",
                        distance(half.end, padded(x) * (signs - 2 * one[0])), half.error)
