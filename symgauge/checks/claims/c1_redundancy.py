"""C1: gauge is redundancy of parameters, whatever the loss.

F = V relu(W_2 W_1 x + b) is left by W_1 -> g W_1, W_2 -> D W_2 g^-1, b -> D b, V -> V D^-1, D > 0
diagonal. So d_theta F . rho theta = 0, and <grad L, rho theta> = 0 for every loss of F (Noether).
P - rank J >= dim G - dim Stab: a linear net of widths 4-3-2-4 has 14, gl(3) + gl(2) only 13.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    from symgauge.checks.claims.runtime.report import Bench, Row

from symgauge.checks.claims.runtime.fields import rounding
from symgauge.checks.claims.runtime.solver import distance, jvp

SIZES = {
    # the linear nets have `scale` times the widths 4-3-2-4 and 3-4-2
    "small": {"dim": 6, "width": 8, "samples": 16, "scale": 1},
    "full": {"dim": 256, "width": 1024, "samples": 32, "scale": 3},
    "gpu": {"dim": 4096, "width": 8192, "samples": 32, "scale": 6},
}

Weights = tuple[Tensor, ...]


def parameters(bench: Bench) -> Weights:
    """W_1, W_2, b and V of the network: put your own here."""
    dim, width = bench.sizes["dim"], bench.sizes["width"]
    draw = bench.draw
    return (draw.matrix("W1", dim, dim), draw.matrix("W2", width, dim),
            draw.normal("b", width) / 2, draw.matrix("V", dim, width))


def outputs(x: Tensor, W1: Tensor, W2: Tensor, b: Tensor, V: Tensor) -> Tensor:
    """F at rows x: put your own here."""
    hidden: Tensor = torch.relu(x @ W1.T @ W2.T + b) @ V.T
    return hidden


def generator(theta: Weights, w: Tensor, s: Tensor) -> Weights:
    """rho theta for w in gl(dim) and the logarithm s of D."""
    W1, W2, b, V = theta
    return w @ W1, s[:, None] * W2 - W2 @ w, s * b, -V * s


def check(bench: Bench) -> Iterator[Row]:
    theta, dim = parameters(bench), bench.sizes["dim"]
    x = bench.draw.normal("x", bench.sizes["samples"], dim)
    target = bench.draw.normal("target", *outputs(x, *theta).shape)
    w, s = bench.draw.matrix("w", dim, dim), bench.draw.normal("s", len(theta[2]))
    yield from by_g(bench, x, theta, w, s)
    W1, W2, b, V = theta
    right = generator(theta, w, s)
    wrong = {
        "W_2 w of the other sign": (right[0], s[:, None] * W2 + W2 @ w, *right[2:]),
        "w transposed at W_2": (right[0], s[:, None] * W2 - W2 @ w.T, *right[2:]),
        "the bias kept": (*right[:2], 0 * b, right[3]),
    }

    def moved(*tangent: Tensor) -> Tensor:
        rate: Tensor = jvp(lambda *p: outputs(x, *p), theta, tangent)[1]
        return rate

    def parts(*p: Tensor) -> Tensor:
        """d_theta F along each tensor's own part of rho theta; the claim is that they cancel."""
        each = generator(p, w, s)
        only = [[e if i == j else 0 * e for j, e in enumerate(each)] for i in range(len(each))]
        return torch.stack([jvp(lambda *q: outputs(x, *q), p, o)[1] for o in only])

    scale, floor = parts(*theta), rounding(parts, *theta)
    yield bench.holds("d_theta F . rho theta = 0", off(moved(*right), scale), floor)
    for label, tangent in wrong.items():
        yield bench.planted(label, off(moved(*tangent), scale), floor)
    yield from noether(bench, x, target, theta, right, wrong["w transposed at W_2"])
    yield from tapered(bench)
    yield from stabiliser(bench)


def off(value: Tensor, scale: Tensor) -> float:
    """How far a value is from 0, in units of the scale."""
    return distance(value, torch.zeros_like(value), scale)


def by_g(bench: Bench, x: Tensor, theta: Weights, w: Tensor, s: Tensor) -> Iterator[Row]:
    """F of g theta, g = 1 + 0.3 w and D = e^(s / 3)."""
    W1, W2, b, V = theta
    g, D = torch.eye(len(w)).to(w) + 0.3 * w, torch.exp(s / 3)

    def at(power: float, *p: Tensor) -> Tensor:
        A, B, c, C = p
        other = D[:, None] * torch.linalg.solve(g.T, B.T).T
        return outputs(x, g @ A, other, D * c, C / D**power)

    here = outputs(x, *theta)
    floor = rounding(lambda *p: outputs(x, *p), *theta)
    floor += rounding(lambda *p: at(1.0, *p), *theta) + rounding(
        lambda *p: at(1.0, *p), g @ W1, W2, D * b, V / D)
    yield bench.holds("F of g theta is F of theta", distance(at(1.0, *theta), here), floor)
    yield bench.planted("V D for V D^-1", distance(at(-1.0, *theta), here), floor)


def noether(
    bench: Bench, x: Tensor, target: Tensor, theta: Weights, right: Weights, wrong: Weights
) -> Iterator[Row]:
    """<grad L, rho theta> for three losses of F alone, and for one that sees theta too."""

    def paired(tangent: Weights, decay: float, *p: Tensor) -> Tensor:
        """<grad L, tangent> by loss and by tensor."""
        leaves = [q.detach().clone().requires_grad_() for q in p]
        out = outputs(x, *leaves)
        seen = sum((q.pow(2).sum() for q in leaves), out.new_zeros(()))
        losses = [(out - target).pow(2).mean(), torch.log_softmax(out, -1)[:, 0].mean(),
                  torch.cosh(out / 4).log().sum()]
        rows = []
        for loss in losses:
            grads = torch.autograd.grad(loss + decay * seen, leaves, retain_graph=True)
            rows.append(torch.stack([(a * v).sum() for a, v in zip(grads, tangent)]))
        return torch.stack([r / r.norm() for r in rows])

    scale = paired(right, 0.0, *theta)
    floor = rounding(lambda *p: paired(right, 0.0, *p), *theta)
    yield bench.holds("<grad L, rho theta> = 0, three losses", off(scale.sum(1), scale), floor)
    sums = paired(right, 0.01, *theta).sum(1)
    yield bench.planted("a loss with weight decay", off(sums, scale), floor)
    sums = paired(wrong, 0.0, *theta).sum(1)
    yield bench.planted("a wrong generator and a loss", off(sums, scale), floor)


def product_jacobian(*weights: Tensor) -> Tensor:
    """The derivative of W_l ... W_1 by all the entries of the weights, one row for each output."""
    columns = []
    for k, w in enumerate(weights):
        left, right = torch.eye(weights[-1].shape[0]).to(w), torch.eye(weights[0].shape[1]).to(w)
        for v in weights[:k]:
            right = v @ right
        for v in reversed(weights[k + 1:]):
            left = left @ v
        columns.append(torch.kron(left, right.T.contiguous()))
    return torch.cat(columns, 1)


def gl_rows(*weights: Tensor) -> Tensor:
    """The generators of gl(n) at each hidden layer, as rows over all the weights."""
    rows = []
    for k, w in enumerate(weights[:-1]):
        n = w.shape[0]
        for unit in torch.eye(n * n).to(w).reshape(-1, n, n):
            moved = [torch.zeros_like(v) for v in weights]
            moved[k], moved[k + 1] = unit @ w, -weights[k + 1] @ unit
            rows.append(torch.cat([v.reshape(-1) for v in moved]))
    return torch.stack(rows)


def onto(rows: Tensor, rank: int) -> Tensor:
    """The projector onto the `rank` largest directions of the rows."""
    right = torch.linalg.svd(rows, full_matrices=False)[2][:rank]
    projector: Tensor = right.mT @ right
    return projector


def linear_net(bench: Bench, *widths: int) -> Weights:
    """Weights of a linear network whose layers have these widths, times the scale."""
    sizes = [bench.sizes["scale"] * n for n in widths]
    return tuple(bench.draw.matrix(f"{widths}.{k}", outer, inner)
                 for k, (inner, outer) in enumerate(zip(sizes, sizes[1:])))


def tapered(bench: Bench) -> Iterator[Row]:
    """4-3-2-4: rank J = 12, gl(3) + gl(2) spans 13, a kernel vector of W_2 gives the 14th."""
    weights, unit = linear_net(bench, 4, 3, 2, 4), bench.sizes["scale"] ** 2

    def values(*p: Tensor) -> Tensor:
        found: Tensor = torch.linalg.svdvals(product_jacobian(*p))
        return found

    def kernel(*p: Tensor) -> Tensor:
        jacobian = product_jacobian(*p)
        return torch.eye(26 * unit).to(jacobian) - onto(jacobian, 12 * unit)

    def explained(*p: Tensor) -> Tensor:
        """gl(3) + gl(2), and W_1 moved by n y^T where W_2 n = 0."""
        idle = torch.linalg.svd(p[1])[2][p[1].shape[0]:]
        first = torch.kron(idle.contiguous(), torch.eye(p[0].shape[1]).to(idle))
        rest = first.new_zeros(len(first), 26 * unit - first.shape[1])
        return torch.cat([gl_rows(*p), torch.cat([first, rest], 1)])

    all_values, floor = values(*weights), rounding(values, *weights)
    yield bench.holds("4-3-2-4: P - rank J >= 14", off(all_values[12 * unit:], all_values), floor)
    yield bench.planted("4-3-2-4: P - rank J >= 15", off(all_values[12 * unit - 1:], all_values),
                        floor)
    here = kernel(*weights)
    floor = rounding(kernel, *weights) + rounding(lambda *p: onto(explained(*p), 14 * unit),
                                                  *weights)
    yield bench.holds("ker J: gl(3) + gl(2) and n(W_2) y^T",
                      distance(onto(explained(*weights), 14 * unit), here), floor)
    yield bench.planted("13: gl(3) + gl(2) is all of ker J",
                        distance(onto(gl_rows(*weights), 13 * unit), here), floor)


def stabiliser(bench: Bench) -> Iterator[Row]:
    """3-4-2: gl(4) has dimension 16, a stabiliser of dimension 2, and spans ker J, of 14."""
    weights, unit = linear_net(bench, 3, 4, 2), bench.sizes["scale"] ** 2

    def values(*p: Tensor) -> Tensor:
        found: Tensor = torch.linalg.svdvals(gl_rows(*p))
        return found

    def kernel(*p: Tensor) -> Tensor:
        return torch.eye(20 * unit).to(p[0]) - onto(product_jacobian(*p), 6 * unit)

    all_values, floor = values(*weights), rounding(values, *weights)
    yield bench.holds("3-4-2: dim G - dim Stab <= 16 - 2",
                      off(all_values[14 * unit:], all_values), floor)
    yield bench.planted("3-4-2: dim G - dim Stab <= 13",
                        off(all_values[14 * unit - 1:], all_values), floor)
    floor = rounding(kernel, *weights) + rounding(lambda *p: onto(gl_rows(*p), 14 * unit),
                                                  *weights)
    yield bench.holds("3-4-2: gl(4) spans ker J",
                      distance(onto(gl_rows(*weights), 14 * unit), kernel(*weights)), floor)
