"""C7: rescaling of feedforward nets, lifted to depth and ODEs.

Exact: W_l -> M_{l+1} W_l M_l^-1, b_l -> M_{l+1} b_l, M_l positive monomial. Residual layers
x + f(t, x) / N moved by phi_t: each misses phi by O(1/N^2), all of them by O(1/N). Closed under
D(t): dx/dt = -Lam x + relu(W x + b). Exact lift: the flow of ln(alpha) min(x, 0) is LeakyReLU.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
    rounding,
)
from symgauge.checks.claims.runtime.solver import distance, endpoint, jvp, solve

SIZES = {
    "small": {"dim": 6, "width": 16, "hidden": 8, "samples": 4, "layers": 4, "depth": 256},
    "full": {"dim": 256, "width": 1024, "hidden": 128, "samples": 8, "layers": 16, "depth": 1024},
    "gpu": {"dim": 4096, "width": 8192, "hidden": 1024, "samples": 8, "layers": 8, "depth": 1024},
}


def vector_field(bench: Bench) -> Field:
    """f(t, x) of the residual layers x + f(t, x) / N: put your own here."""
    return mlp_field(bench.draw, "f", bench.sizes["dim"], bench.sizes["width"])


def diffeomorphism(bench: Bench) -> Diffeo:
    """phi_t and its inverse, the identity at t = 0 and 1: put your own here."""
    return coupling_flow(bench.draw, "phi", bench.sizes["dim"], bench.sizes["hidden"])


def check(bench: Bench) -> Iterator[Row]:
    x = bench.draw.normal("x", bench.sizes["samples"], bench.sizes["dim"])
    yield from rescaling(bench, x)
    yield from depth(bench, x)
    yield from leaky_flow(bench, x)
    yield from exact_lift(bench, x)


def feedforward(weights: Sequence[Tensor], biases: Sequence[Tensor], x: Tensor) -> Tensor:
    """A ReLU net, the last layer linear."""
    for W, b in zip(weights[:-1], biases[:-1]):
        x = torch.relu(x @ W.T + b)
    return x @ weights[-1].T + biases[-1]


def rescaling(bench: Bench, x: Tensor) -> Iterator[Row]:
    """M_l = permutation times positive diagonal on each hidden layer, exactly a symmetry."""
    draw, dim, width = bench.draw, bench.sizes["dim"], bench.sizes["width"]
    widths = [dim] + [width] * bench.sizes["layers"] + [dim]
    # relu halves the mean square
    weights = [draw.matrix(f"W{k}", b, a, math.sqrt(2)) for k, (a, b) in
               enumerate(zip(widths, widths[1:]))]
    biases = [draw.normal(f"b{k}", width) / 2 for k, width in enumerate(widths[1:])]
    base = feedforward(weights, biases, x)
    floor = rounding(lambda *w: feedforward(w, biases, x), *weights)

    def moved(sign: float = 1.0, bias: bool = True, into: bool = True) -> Tensor:
        W, b = [w.clone() for w in weights], [c.clone() for c in biases]
        for k in range(len(W) - 1):
            scale = torch.exp(draw.normal(f"D{k}", widths[k + 1]) / 2)
            scale[0] *= sign
            order = torch.argsort(draw.normal(f"P{k}", widths[k + 1]))
            W[k] = (scale[:, None] * W[k])[order]
            b[k] = (scale * b[k])[order] if bias else b[k][order]
            if into:
                W[k + 1] = (W[k + 1] / scale)[:, order]
        return feedforward(W, b, x)

    yield bench.holds(f"rescaled ReLU net, {len(weights)} layers", distance(moved(), base), floor)
    for label, wrong in (("a negative scale", moved(sign=-1.0)),
                         ("biases not scaled", moved(bias=False)),
                         ("next layer not divided", moved(into=False))):
        yield bench.planted("rescaling, " + label, distance(wrong, base), floor)


def depth(bench: Bench, x: Tensor) -> Iterator[Row]:
    """Residual nets of depth N and their image under phi, layer by layer and as a whole."""
    f, phi = vector_field(bench), diffeomorphism(bench)
    require_diffeo(phi, x)
    moved, static = pushforward(f, phi), pushforward(f, phi, 0.0)
    depths = [n for n in (16, 32, 64, 128, 256, 512, 1024) if n <= bench.sizes["depth"]]
    layer, whole, wrong = [], [], []
    with torch.no_grad():
        for n in depths:
            here, image, other, defect = x, x, x, 0.0
            for k in range(n):
                t, after = (torch.full_like(x[0, 0], j / n) for j in (k, k + 1))
                forward = here + f(t, here) / n
                if k % (n // 8) == n // 16:
                    at = phi.forward(t, here)
                    step = at + moved(t, at) / n
                    defect = max(defect, distance(step, phi.forward(after, forward)))
                here, image = forward, image + moved(t, image) / n
                if n <= 256:
                    other = other + static(t, other) / n
            layer.append(defect)
            whole.append(distance(image, here))
            if n <= 256:
                wrong.append(distance(other, here))
    yield bench.order("residual layer against phi, O(1/N^2)", depths, layer, 2)
    yield bench.order("residual net against phi, O(1/N)", depths, whole, 1)
    yield bench.order("residual net, f' without d_t phi", depths[:len(wrong)], wrong, 1, wrong=True)


def leaky_flow(bench: Bench, x: Tensor) -> Iterator[Row]:
    """dx/dt = -Lam x + relu(W x + b) goes to W' = D W D^-1, b' = D b, Lam' = Lam - (dD/dt) D^-1."""
    draw, dim = bench.draw, bench.sizes["dim"]
    W, b = draw.matrix("leaky.W", dim, dim), draw.normal("leaky.b", dim)
    Lam, turn = draw.normal("leaky.Lam", dim), 0.5 * draw.normal("leaky.D", dim)

    def D(t: Tensor) -> Tensor:
        return torch.exp(torch.sin(math.pi * t) * turn)

    def field(t: Tensor, p: Tensor) -> Tensor:
        return -Lam * p + torch.relu(p @ W.T + b)

    def image(leak: float) -> Field:
        def moved(t: Tensor, y: Tensor) -> Tensor:
            scale, slope = jvp(D, (t,), (torch.ones_like(t),))
            rate: Tensor = torch.relu(((y / scale) @ W.T) * scale + scale * b)
            rate = rate - (Lam - leak * slope / scale) * y
            return rate

        return moved

    base, right = solve("the leaky field", field, x), solve("its image", image(1.0), x)
    floor = base.error + right.error
    yield bench.holds("-Lam x + relu(W x + b) under D(t)", distance(right.end, base.end), floor)
    end = endpoint("its image", image(0.0), x)
    yield bench.planted("the same, Lam kept", distance(end, base.end), floor)


def exact_lift(bench: Bench, x: Tensor) -> Iterator[Row]:
    """Layers x -> LeakyReLU(e^A x), each as a linear stage and a stage of ln(alpha) min(x, 0)."""
    dim, alpha = bench.sizes["dim"], 0.1
    stages = [bench.draw.matrix(f"stage{k}", dim, dim) for k in range(4)]
    direct = x
    for A in stages:
        direct = torch.nn.functional.leaky_relu(direct @ torch.matrix_exp(A).T, alpha)

    def linear(A: Tensor) -> Field:
        return lambda t, p: p @ A.T

    def flow(slope: float) -> Field:
        return lambda t, p: slope * torch.clamp(p, max=0.0)

    def composed(slope: float) -> tuple[Tensor, float]:
        y, error = x, 0.0
        for A in stages:
            line = solve("a linear stage", linear(A), y)
            bend = solve("an activation stage", flow(slope), line.end)
            y, error = bend.end, error + line.error + bend.error
        return y, error

    y, floor = composed(math.log(alpha))
    yield bench.holds("LeakyReLU net as eight flows", distance(y, direct), floor)
    y, _ = composed(alpha - 1)
    yield bench.planted("slope alpha - 1 for ln(alpha)", distance(y, direct), floor)
