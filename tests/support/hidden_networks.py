"""Networks whose redundancy no leg explains: forms, syzygies, products, identities, chosen experts.

`NETWORKS[name]()` returns `(module, args)`. The kind of a network is what stands before the first
blank of its name. Nothing is said of their redundancies here: `exact_redundancy` counts them.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from known_networks import Factory, KnownNetwork, real
from torch import Tensor
from torch.nn.functional import conv1d, sigmoid, silu, softplus

Formula = Callable[..., Tensor]
#: Name: parameter shapes, formula, example.
TABLE: dict[str, tuple[str, Formula, tuple[Tensor, ...]]] = {}


# Chains of layers


def chain(p: Any, x: Tensor, *, power: int, bias: str = "") -> Tensor:
    """x W1^T, powers, W2^T, ...; `bias` names the layers that have one, such as "1" or "12"."""
    layers = sorted(n for n in dict(p.named_parameters()) if n.startswith("W"))
    for name in layers:
        x = x @ getattr(p, name).T
        if name[1:] in bias:
            x = x + getattr(p, "b" + name[1:])
        if name != layers[-1]:
            x = x**power
    return x


def widths(*sizes: int, bias: str = "") -> str:
    """The shapes of a chain."""
    shapes = [f"W{k}:{m}x{n}" for k, (n, m) in enumerate(zip(sizes, sizes[1:]), 1)]
    return " ".join([*shapes, *(f"b{k}:{sizes[int(k)]}" for k in bias)])


def _chain(kind: str, power: int, *sizes: int, bias: str = "") -> None:
    name = f"{kind} {'-'.join(map(str, sizes))}" + (f" bias {bias}" if bias else "")
    formula = partial(chain, power=power, bias=bias)
    TABLE[name] = widths(*sizes, bias=bias), formula, (real(1, sizes[0]),)


_chain("form", 2, 4, 3, 1)
_chain("form", 2, 3, 5, 1)
_chain("form", 2, 4, 3, 1, bias="12")
_chain("form", 2, 2, 4, 1, bias="1")
_chain("pencil", 2, 3, 2, 2, bias="12")
_chain("pencil", 2, 2, 3, 2, bias="1")
_chain("filling-squares", 2, 5, 5, 3, 1)
_chain("filling-squares", 2, 3, 3, 2, 1)
_chain("filling-squares", 2, 2, 4, 4, 5)
_chain("filling-squares", 2, 2, 3, 2)
_chain("filling-squares", 2, 2, 3, 3, 2, bias="1")
_chain("filling-squares", 2, 3, 5, 6, 4, 3, 1)
_chain("filling-squares", 2, 2, 4, 4, 6)
_chain("filling-cubes", 3, 2, 3, 2, 1)
_chain("filling-cubes", 3, 2, 5, 2)
_chain("filling-cubes", 3, 2, 4, 2, bias="2")
_chain("waring", 4, 3, 5, 1)
_chain("waring", 4, 2, 5, 1, bias="1")
_chain("waring", 3, 4, 7, 1, bias="1")
_chain("waring", 3, 2, 4, 1, bias="12")
_chain("tapered", 1, 4, 3, 2, 4)
_chain("tapered", 1, 5, 4, 3, 2, 5)
_chain("tapered", 1, 3, 2, 3, 2)
_chain("tapered", 1, 4, 3, 2, 4, bias="123")
_chain("tapered", 1, 2, 3, 1, 3, bias="12")


# Products of two units


def glu(p: Any, x: Tensor) -> Tensor:
    g, u = x @ p.G.T, x @ p.U.T
    if hasattr(p, "g"):
        g, u = g + p.g, u + p.u
    return (g * u) @ p.D.T


TABLE["glu 4-2-1"] = "G:2x4 U:2x4 D:1x2", glu, (real(1, 4),)
TABLE["glu 6-3-1"] = "G:3x6 U:3x6 D:1x3", glu, (real(1, 6),)
TABLE["glu 3-3-1"] = "G:3x3 U:3x3 D:1x3", glu, (real(1, 3),)
TABLE["glu 4-2-1 bias"] = "G:2x4 U:2x4 D:1x2 g:2 u:2", glu, (real(1, 4),)
TABLE["glu 2-3-2"] = "G:3x2 U:3x2 D:2x3", glu, (real(1, 2),)


# Convolutions


def convolutions(p: Any, x: Tensor) -> Tensor:
    for name in sorted(n for n in dict(p.named_parameters()) if n.startswith("K")):
        x = conv1d(x, getattr(p, name), getattr(p, "b" + name[1:], None))
    return x


TABLE["convolutions 2-3-2"] = "K1:3x2x2 K2:2x3x2", convolutions, (real(1, 2, 5),)
TABLE["convolutions 1-2-1"] = "K1:2x1x2 K2:1x2x2", convolutions, (real(1, 1, 5),)
TABLE["convolutions 2-3-2-2"] = (
    "K1:3x2x2 K2:2x3x2 K3:2x2x1 b1:3", convolutions, (real(1, 2, 5),))
TABLE["convolutions 1-3-1 bias"] = "K1:3x1x2 K2:1x3x2 b1:3 b2:1", convolutions, (real(1, 1, 5),)
TABLE["convolutions 3-2-1-3"] = "K1:2x3x1 K2:1x2x2 K3:3x1x1", convolutions, (real(1, 3, 4),)


# Residuals, low rank


def rank_one(p: Any, x: Tensor) -> Tensor:
    z = x + (x @ p.v)[:, None] * p.u
    z = z + p.b if hasattr(p, "b") else z
    return z @ p.W.T


TABLE["rank-one 4-3"] = "W:3x4 u:4 v:4", rank_one, (real(1, 4),)
TABLE["rank-one 5-5"] = "W:5x5 u:5 v:5", rank_one, (real(1, 5),)
TABLE["rank-one 3-2 bias"] = "W:2x3 u:3 v:3 b:3", rank_one, (real(1, 3),)


def lora(p: Any, x: Tensor) -> Tensor:
    y = x @ (p.W + p.B @ p.A).T
    return y + p.b if hasattr(p, "b") else y


TABLE["lora 5-4-2"] = "W:4x5 A:2x5 B:4x2", lora, (real(1, 5),)
TABLE["lora 3-3-1 bias"] = "W:3x3 A:1x3 B:3x1 b:3", lora, (real(1, 3),)
TABLE["lora 2-3-3"] = "W:3x2 A:3x2 B:3x3", lora, (real(1, 2),)


# State spaces: x of shape (steps, in)


def complex_states(p: Any, x: Tensor) -> Tensor:
    """h <- (a + i w) h + B x with h complex, y = Re(C h)."""
    re, im, out = x.new_zeros(p.a.shape), x.new_zeros(p.a.shape), []
    for step in x:
        re, im = (p.a * re - p.w * im + p.B @ step, p.a * im + p.w * re + p.E @ step)
        out.append(p.C @ re - p.F @ im)
    return torch.stack(out)


def real_states(p: Any, x: Tensor) -> Tensor:
    """h <- a h + B x, y = C h."""
    h, out = x.new_zeros(p.a.shape), []
    for step in x:
        h = p.a * h + p.B @ step
        out.append(p.C @ h)
    return torch.stack(out)


def discretised(p: Any, x: Tensor) -> Tensor:
    """h <- exp(d a) h + d B x, y = C h."""
    h, out = x.new_zeros(p.a.shape), []
    for step in x:
        h = torch.exp(p.d * p.a) * h + p.d * (p.B @ step)
        out.append(p.C @ h)
    return torch.stack(out)


def polar(p: Any, x: Tensor) -> Tensor:
    """As `complex_states`, with a + i w = exp(-exp(r)) (cos t + i sin t)."""
    radius = torch.exp(-torch.exp(p.r))
    c, s = radius * torch.cos(p.t), radius * torch.sin(p.t)
    re, im, out = x.new_zeros(p.r.shape), x.new_zeros(p.r.shape), []
    for step in x:
        re, im = c * re - s * im + p.B @ step, c * im + s * re + p.E @ step
        out.append(p.C @ re - p.F @ im)
    return torch.stack(out)


TABLE["states complex 3"] = (
    "a:3 w:3 B:3x2 E:3x2 C:2x3 F:2x3", complex_states, (real(9, 2),))
TABLE["states complex 2"] = (
    "a:2 w:2 B:2x1 E:2x1 C:1x2 F:1x2", complex_states, (real(10, 1),))
TABLE["states complex 2, few steps"] = (
    "a:2 w:2 B:2x1 E:2x1 C:1x2 F:1x2", complex_states, (real(6, 1),))
TABLE["states real 3, few steps"] = "a:3 B:3x1 C:1x3", real_states, (real(4, 1),)
TABLE["states discretised 3"] = "a:3 d:3 B:3x2 C:2x3", discretised, (real(5, 2),)
TABLE["states polar 2"] = "r:2 t:2 B:2x1 E:2x1 C:1x2 F:1x2", polar, (real(10, 1),)


# Weight norms


def normed(p: Any, x: Tensor) -> Tensor:
    """g V / |V| by rows in each layer, ReLU between."""
    for k in (1, 2, 3):
        v = getattr(p, f"V{k}")
        x = x @ (getattr(p, f"g{k}")[:, None] * v / v.norm(dim=1, keepdim=True)).T
        x = x + getattr(p, f"b{k}")
        x = torch.relu(x) if k < 3 else x
    return x


def normed_linear(p: Any, x: Tensor) -> Tensor:
    for k in (1, 2):
        v = getattr(p, f"V{k}")
        x = x @ (getattr(p, f"g{k}")[:, None] * v / v.norm(dim=1, keepdim=True)).T
    return x


def normed_by_one(p: Any, x: Tensor) -> Tensor:
    """g V / |V| with one number g and the norm of the whole matrix."""
    h = torch.tanh(x @ (p.g1 * p.V1 / p.V1.norm()).T)
    return h @ (p.g2 * p.V2 / p.V2.norm()).T


TABLE["weight-norm 3-3-2-2"] = (
    "V1:3x3 g1:3 b1:3 V2:2x3 g2:2 b2:2 V3:2x2 g3:2 b3:2", normed, (real(1, 3),))
TABLE["weight-norm linear"] = "V1:2x3 g1:2 V2:2x2 g2:2", normed_linear, (real(1, 3),)
TABLE["weight-norm linear 2-3-2"] = "V1:3x2 g1:3 V2:2x3 g2:2", normed_linear, (real(1, 2),)
TABLE["weight-norm whole"] = "V1:3x2 g1:1 V2:2x3 g2:1", normed_by_one, (real(1, 2),)


# Attention


def attention(p: Any, x: Tensor, *, kind: str) -> Tensor:
    q, k, v = x @ p.Q.T, x @ p.K.T, x @ p.V.T
    if hasattr(p, "bq"):
        q, k, v = q + p.bq, k + p.bk, v + p.bv
    scores = q @ k.T
    scores = torch.softmax(scores, -1) if kind == "softmax" else scores
    return scores @ v @ p.O.T


for _kind in ("softmax", "linear"):
    _of = partial(attention, kind=_kind)
    TABLE[f"attention {_kind} 2"] = "Q:2x2 K:2x2 V:2x2 O:2x2", _of, (real(4, 2),)
    TABLE[f"attention {_kind} 3"] = "Q:3x3 K:3x3 V:3x3 O:3x3", _of, (real(4, 3),)
    TABLE[f"attention {_kind} 2 bias"] = (
        "Q:2x2 K:2x2 V:2x2 O:2x2 bq:2 bk:2 bv:2", _of, (real(4, 2),))
    TABLE[f"attention {_kind} 4-2"] = "Q:2x4 K:2x4 V:4x4 O:4x4", _of, (real(4, 4),)


# Exponentials of matrices


def exponential(p: Any, x: Tensor) -> Tensor:
    """C e^A B x."""
    return x @ p.B.T @ torch.matrix_exp(p.A).T @ p.C.T


def powers(p: Any, x: Tensor) -> Tensor:
    """C (1 + A/4)^4 B x."""
    z = x @ p.B.T
    for _ in range(4):
        z = z + z @ p.A.T / 4
    return z @ p.C.T


TABLE["exponential powers 2"] = "A:2x2 B:2x3 C:3x2", powers, (real(1, 3),)
TABLE["exponential powers 1"] = "A:1x1 B:1x2 C:2x1", powers, (real(1, 2),)
TABLE["exponential 2"] = "A:2x2 B:2x3 C:3x2", exponential, (real(1, 3),)


# Identities of functions


def token_exponentials(p: Any, tokens: Tensor) -> Tensor:
    return torch.exp(torch.nn.functional.embedding(tokens, p.E) + p.P) @ p.a.T


def double_angles(p: Any, x: Tensor) -> Tensor:
    z = x @ p.W.T
    return torch.sin(2 * z) @ p.A.T + (torch.sin(z) * torch.cos(z)) @ p.B.T + torch.cos(
        2 * z) @ p.C.T + torch.sin(z) ** 2 @ p.D.T + p.b


def odd_and_even(p: Any, x: Tensor) -> Tensor:
    """exp(z) and exp(-z) beside cosh z and sinh z."""
    z = x @ p.W.T
    return torch.exp(z) @ p.A.T + torch.exp(-z) @ p.B.T + torch.cosh(z) @ p.C.T + torch.sinh(
        z) @ p.D.T


def sigmoid_signs(p: Any, x: Tensor) -> Tensor:
    z = x @ p.W.T
    return sigmoid(z) @ p.A.T + sigmoid(-z) @ p.B.T + torch.tanh(z / 2) @ p.C.T + p.b


def silu_signs(p: Any, x: Tensor) -> Tensor:
    z = x @ p.W.T + p.c
    return silu(z) @ p.A.T + silu(-z) @ p.B.T + x @ p.C.T + p.b


def shifted_waves(p: Any, x: Tensor) -> Tensor:
    z = x @ p.W.T
    return torch.sin(z + p.c) @ p.A.T + torch.cos(z + p.d) @ p.B.T


def product_of_sums(p: Any, x: Tensor) -> Tensor:
    """exp(Wx + Vx + c) beside exp(Wx) exp(Vx)."""
    u, v = x @ p.W.T, x @ p.V.T
    return torch.exp(u + v + p.c) @ p.A.T + (torch.exp(u) * torch.exp(v)) @ p.B.T


def root_squared(p: Any, x: Tensor) -> Tensor:
    v = (x @ p.W.T + p.c) ** 2 + 1
    return torch.sqrt(v) ** 2 @ p.A.T + v @ p.B.T + p.b


def root_squared_alone(p: Any, x: Tensor) -> Tensor:
    v = (x @ p.W.T) ** 2 + 1
    return torch.sqrt(v) ** 2 @ p.A.T


def kinks(p: Any, x: Tensor) -> Tensor:
    """relu(z), relu(-z), |z| and sqrt(z^2)."""
    z = x @ p.W.T
    return (torch.relu(z) @ p.A.T + torch.relu(-z) @ p.B.T + z.abs() @ p.C.T
            + torch.sqrt(z**2) @ p.D.T)


def clamps(p: Any, x: Tensor, *, low: float, high: float) -> Tensor:
    """A clamp of z and one of -z."""
    z = x @ p.W.T
    return z.clamp(low, high) @ p.A.T + (-z).clamp(-high, -low) @ p.B.T


def bounded_units(p: Any, x: Tensor) -> Tensor:
    """min(relu(z), 1), relu(z) and relu(z - 1)."""
    z = x @ p.W.T
    return z.clamp(0, 1) @ p.A.T + torch.relu(z) @ p.B.T + torch.relu(z - 1) @ p.C.T


def maxima(p: Any, x: Tensor) -> Tensor:
    """max(u, v), min(u, v) and |u - v|."""
    u, v = x @ p.U.T, x @ p.V.T
    return torch.maximum(u, v) @ p.A.T + torch.minimum(u, v) @ p.B.T + (u - v).abs() @ p.C.T


def softplus_signs(p: Any, x: Tensor) -> Tensor:
    """softplus(z), softplus(-z), log sigmoid(z) and x."""
    z = x @ p.W.T
    return softplus(z) @ p.A.T + softplus(-z) @ p.B.T + torch.log(sigmoid(z)) @ p.C.T + x @ p.D.T


def multiples_of_norms(p: Any, x: Tensor) -> Tensor:
    """z and 2 z, each over its norm."""
    z = x @ p.W.T
    return z / z.norm(dim=-1, keepdim=True) @ p.A.T + (
        2 * z / (2 * z).norm(dim=-1, keepdim=True)) @ p.B.T


_TOKENS = torch.tensor([3, 0, 2, 1])
TABLE["identity kinks"] = "W:2x3 A:2x2 B:2x2 C:2x2 D:2x2", kinks, (real(1, 3),)
for _name, _high in (("hardtanh", 1), ("clamp", 2)):
    TABLE[f"identity {_name}-signs"] = (
        "W:2x3 A:2x2 B:2x2", partial(clamps, low=-1, high=_high), (real(1, 3),))
TABLE["identity bounded-units"] = "W:2x3 A:2x2 B:2x2 C:2x2", bounded_units, (real(1, 3),)
TABLE["identity maxima"] = "U:2x3 V:2x3 A:2x2 B:2x2 C:2x2", maxima, (real(1, 3),)
TABLE["identity softplus-signs"] = "W:2x3 A:2x2 B:2x2 C:2x2 D:2x3", softplus_signs, (real(1, 3),)
TABLE["identity multiples-of-norms"] = "W:3x4 A:2x3 B:2x3", multiples_of_norms, (real(1, 4),)
TABLE["identity token-exponentials"] = "E:4x3 P:4x3 a:2x3", token_exponentials, (_TOKENS,)
TABLE["identity token-exponential"] = "E:5x1 P:4x1 a:1x1", token_exponentials, (_TOKENS,)
TABLE["identity double-angles"] = (
    "W:2x3 A:2x2 B:2x2 C:2x2 D:2x2 b:2", double_angles, (real(1, 3),))
TABLE["identity odd-and-even"] = (
    "W:2x3 A:2x2 B:2x2 C:2x2 D:2x2", odd_and_even, (real(1, 3),))
TABLE["identity sigmoid-signs"] = "W:2x3 A:2x2 B:2x2 C:2x2 b:2", sigmoid_signs, (real(1, 3),)
TABLE["identity silu-signs"] = "W:2x3 c:2 A:2x2 B:2x2 C:2x3 b:2", silu_signs, (real(1, 3),)
TABLE["identity shifted-waves"] = "W:2x3 c:2 d:2 A:2x2 B:2x2", shifted_waves, (real(1, 3),)
TABLE["identity product-of-sums"] = "W:2x2 V:2x2 c:2 A:1x2 B:1x2", product_of_sums, (real(1, 2),)
TABLE["identity root-squared"] = "W:3x4 c:3 A:2x3 B:2x3 b:2", root_squared, (real(1, 4),)
TABLE["identity root-squared-alone"] = "W:3x4 A:1x3", root_squared_alone, (real(1, 4),)


# Functions of parameters


def summed_exponentials(p: Any, tokens: Tensor) -> Tensor:
    """sum_k a_k exp(E[t, k] + P[i, k] + d_k)."""
    return torch.exp(torch.nn.functional.embedding(tokens, p.E) + p.P + p.d) @ p.a.T


def phases(p: Any, x: Tensor) -> Tensor:
    z = x @ p.W.T
    return torch.sin(z + p.c) @ p.A.T + torch.sin(z + p.d) @ p.B.T + torch.cos(z) @ p.C.T


def von_mises(p: Any, x: Tensor) -> Tensor:
    """exp(a cos x + b sin x + k cos(x - m))."""
    return torch.exp(p.a * torch.cos(x) + p.b * torch.sin(x) + p.k * torch.cos(x - p.m)) @ p.A.T


def sigmoid_gain(p: Any, x: Tensor) -> Tensor:
    return sigmoid(p.c) * (x @ p.A.T) + p.b


def softplus_gain(p: Any, x: Tensor) -> Tensor:
    return softplus(p.r) * (x @ p.W.T)


def tanh_gain(p: Any, x: Tensor) -> Tensor:
    return torch.tanh(p.r) * torch.tanh(x @ p.W.T) @ p.V.T


def two_gains(p: Any, x: Tensor) -> Tensor:
    """(1 + tanh r) exp(s) W x."""
    return (1 + torch.tanh(p.r)) * torch.exp(p.s) * (x @ p.W.T)


def log_scale(p: Any, x: Tensor) -> Tensor:
    return torch.exp(p.s) * torch.tanh(x @ p.W.T) @ p.V.T


def cumulative(p: Any, x: Tensor) -> Tensor:
    """Biases in ascending order: sums of softplus."""
    return torch.tanh(x @ p.W.T + p.c + torch.cumsum(softplus(p.r), 0)) @ p.V.T


def log_sum_exp(p: Any, x: Tensor) -> Tensor:
    return torch.log(torch.exp(x @ p.W.T) + torch.exp(x @ p.V.T)) @ p.A.T + x @ p.B.T


def mixed_by_gate(p: Any, x: Tensor) -> Tensor:
    g = sigmoid(p.g)
    return g * (x @ p.A.T) + (1 - g) * (x @ p.B.T)


def mixed_by_softmax(p: Any, x: Tensor) -> Tensor:
    return torch.einsum("k,koi,bi->bo", torch.softmax(p.s, 0), p.M, x)


def gated_exponential(p: Any, x: Tensor) -> Tensor:
    return torch.exp(sigmoid(p.c) * (x @ p.A.T) + sigmoid(p.d)) @ p.B.T


def decays(p: Any, x: Tensor) -> Tensor:
    """The kernel of a diagonal state space: sum_k C_k exp(b_k - j exp(a_k)), lag j."""
    lags = torch.arange(x.shape[-1], dtype=x.dtype)
    return x @ (p.C @ torch.exp(p.b[:, None] - torch.exp(p.a)[:, None] * lags)).T


TABLE["values summed-exponentials"] = "E:4x2 P:4x2 d:2 a:1x2", summed_exponentials, (_TOKENS,)
TABLE["values phases"] = "W:2x3 c:2 d:2 A:1x2 B:1x2 C:1x2", phases, (real(1, 3),)
TABLE["values von-mises"] = "a:2 b:2 k:2 m:2 A:2x2", von_mises, (real(1, 2),)
TABLE["values sigmoid-gain"] = "c:3 A:3x2 b:3", sigmoid_gain, (real(1, 2),)
TABLE["values softplus-gain"] = "r:3 W:3x2", softplus_gain, (real(1, 2),)
TABLE["values tanh-gain"] = "r:3 W:3x2 V:2x3", tanh_gain, (real(1, 2),)
TABLE["values two-gains"] = "r:2 s:2 W:2x2", two_gains, (real(1, 2),)
TABLE["values log-scale"] = "s:3 W:3x2 V:2x3", log_scale, (real(1, 2),)
TABLE["values cumulative"] = "W:3x2 c:3 r:3 V:2x3", cumulative, (real(1, 2),)
TABLE["values log-sum-exp"] = "W:2x2 V:2x2 A:1x2 B:1x2", log_sum_exp, (real(1, 2),)
TABLE["values mixed-by-gate"] = "g:2 A:2x2 B:2x2", mixed_by_gate, (real(1, 2),)
TABLE["values mixed-by-softmax"] = "s:3 M:3x2x2", mixed_by_softmax, (real(1, 2),)
TABLE["values gated-exponential"] = "c:2 d:2 A:2x2 B:1x2", gated_exponential, (real(1, 2),)
TABLE["values decays"] = "a:2 b:2 C:1x2", decays, (real(1, 4),)


# Chosen experts


def top_k(p: Any, x: Tensor, *, count: int, renormalised: bool) -> Tensor:
    gates = torch.softmax(x @ p.R.T, -1)
    chosen, index = torch.topk(gates, count)
    chosen = chosen / chosen.sum(-1, keepdim=True) if renormalised else chosen
    gates = torch.zeros_like(gates).scatter(-1, index, chosen)
    hidden = torch.relu(torch.einsum("bi,ehi->beh", x, p.W))
    return torch.einsum("be,beh,eoh->bo", gates, hidden, p.V)


def clamped_experts(p: Any, x: Tensor) -> Tensor:
    """As in gpt_oss: gates over the chosen, clamped halves, silu with 1.702, (up + 1)."""
    chosen, index = torch.topk(x @ p.R.T + p.r, 2)
    scores = torch.zeros_like(x @ p.R.T).scatter(-1, index, torch.softmax(chosen, -1))
    gate = torch.einsum("bi,ehi->beh", x, p.G) + p.g
    up = torch.einsum("bi,ehi->beh", x, p.U) + p.u
    gate, up = gate.clamp(max=7.0), up.clamp(min=-7.0, max=7.0)
    hidden = (up + 1) * gate * sigmoid(1.702 * gate)
    return torch.einsum("be,beo->bo", scores, torch.einsum("beh,eoh->beo", hidden, p.D) + p.d)


TABLE["experts top-1 of 2"] = (
    "R:2x3 W:2x2x3 V:2x2x2", partial(top_k, count=1, renormalised=False), (real(1, 3),))
TABLE["experts top-2 of 3"] = (
    "R:3x3 W:3x2x3 V:3x2x2", partial(top_k, count=2, renormalised=False), (real(1, 3),))
TABLE["experts top-2 of 3 renormalised"] = (
    "R:3x2 W:3x2x2 V:3x2x2", partial(top_k, count=2, renormalised=True), (real(1, 2),))
TABLE["experts clamped"] = (
    "R:3x2 r:3 G:3x2x2 g:3x2 U:3x2x2 u:3x2 D:3x2x2 d:3x2", clamped_experts, (real(1, 2),))


def build(name: str) -> tuple[torch.nn.Module, tuple[Tensor, ...]]:
    """The module of one name and its example."""
    shapes, formula, args = TABLE[name]
    return KnownNetwork(shapes, formula), tuple(arg.clone() for arg in args)


NETWORKS: dict[str, Factory] = {name: partial(build, name) for name in TABLE}
