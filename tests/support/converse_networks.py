"""Networks of the converse theorems, of any size: shapes, formula, example inputs.

Rows are vectors: u = x W + b. A network is `(shapes, formula, input)` for `exact_redundancy`.
"""

import math
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

import torch
from exact_redundancy import ids, points
from known_networks import layer_norm, rms_norm, rotate
from torch import Tensor, nn

Network: TypeAlias = tuple[str, Callable[..., Tensor], Tensor]

ACTS: dict[str, Callable[[Tensor], Tensor]] = {
    "tanh": torch.tanh, "sigmoid": torch.sigmoid, "silu": nn.functional.silu,
    "softplus": nn.functional.softplus, "gelu": nn.functional.gelu, "exp": torch.exp,
    "relu": torch.relu, "square": lambda z: z**2, "cube": lambda z: z**3, "linear": lambda z: z,
}
#: Angles in (0, pi), distinct, for rotary pairs.
ANGLES = (1.0, 0.37, 0.1369, 0.05)


def linear(p: nn.Module, x: Tensor, name: str) -> Tensor:
    """x W + b, b where the module has one."""
    y = x @ getattr(p, f"W{name}")
    return y + getattr(p, f"b{name}") if hasattr(p, f"b{name}") else y


def deep(act: str, widths: tuple[int, ...], bias: bool) -> Network:
    """act between layers of these widths, linear last."""
    shapes = " ".join(
        f"W{k}:{m}x{n}" + (f" b{k}:{n}" if bias else "")
        for k, (m, n) in enumerate(zip(widths, widths[1:])))

    def formula(p: nn.Module, x: Tensor) -> Tensor:
        for k in range(len(widths) - 1):
            x = linear(p, ACTS[act](x) if k else x, str(k))
        return x

    return shapes, formula, points(1, widths[0])


def gated(act: str, d: int, h: int, o: int, bias: bool) -> Network:
    """(act(x Wg) * (x Wu)) Wd."""
    b = f" bg:{h} bu:{h} bd:{o}" if bias else ""

    def formula(p: nn.Module, x: Tensor) -> Tensor:
        return linear(p, ACTS[act](linear(p, x, "g")) * linear(p, x, "u"), "d")

    return f"Wg:{d}x{h} Wu:{d}x{h} Wd:{h}x{o}{b}", formula, points(1, d)


def attention_shapes(
    d: int, d_k: int, d_v: int, heads: int, groups: int, biases: str, suffix: str = ""
) -> str:
    """W_Q, W_K, W_V, W_O as rows times matrix, and the biases named by letters of "qkvo"."""
    sizes = {"q": heads * d_k, "k": groups * d_k, "v": groups * d_v, "o": d}
    weights = f"Wq{suffix}:{d}x{heads * d_k} Wk{suffix}:{d}x{groups * d_k} " \
        f"Wv{suffix}:{d}x{groups * d_v} Wo{suffix}:{heads * d_v}x{d}"
    return " ".join([weights, *(f"b{c}{suffix}:{sizes[c]}" for c in biases)])


def attend(
    p: nn.Module, x: Tensor, heads: int, groups: int, *, suffix: str = "", causal: bool = True,
    angles: tuple[float, ...] = (), kind: str = "softmax",
    norm: Callable[[nn.Module, Tensor, str], Tensor] | None = None,
) -> Tensor:
    """One layer of attention on (T, d); `norm` acts on queries and keys head by head."""
    def split(name: str, n: int) -> Tensor:
        y = linear(p, x, name + suffix)
        return y.reshape(x.shape[0], n, -1).transpose(0, 1)

    q, k, v = split("q", heads), split("k", groups), split("v", groups)
    if norm is not None:
        q, k = norm(p, q, "q"), norm(p, k, "k")
    if angles:
        q, k = rotate(q, angles), rotate(k, angles)
    m = heads // groups
    k, v = k.repeat_interleave(m, dim=0), v.repeat_interleave(m, dim=0)
    s = torch.einsum("htc,hsc->hts", q, k) / math.sqrt(q.shape[-1])
    if causal:
        s = s.masked_fill(~torch.ones(s.shape[-2:], dtype=torch.bool).tril(), -math.inf)
    a = {"softmax": partial(torch.softmax, dim=-1), "sigmoid": torch.sigmoid,
         "linear": lambda z: z}[kind](s)
    y = torch.einsum("hts,hsc->htc", a, v).transpose(0, 1).reshape(x.shape[0], -1)
    return linear(p, y, "o" + suffix)


def attention(
    T: int, d: int, d_k: int, d_v: int, heads: int = 1, groups: int = 1, biases: str = "", *,
    causal: bool = True, angles: tuple[float, ...] = (), kind: str = "softmax",
) -> Network:
    """Attention alone on T tokens of real inputs."""
    def formula(p: nn.Module, x: Tensor) -> Tensor:
        return attend(p, x, heads, groups, causal=causal, angles=angles, kind=kind)

    return attention_shapes(d, d_k, d_v, heads, groups, biases), formula, points(T, d)


def normed_attention(
    T: int, d: int, d_k: int, d_v: int, heads: int, gains: bool, eps: float,
    angles: tuple[float, ...] = (),
) -> Network:
    """Queries and keys through RMSNorm, with gains shared by all heads."""
    def norm(p: nn.Module, z: Tensor, name: str) -> Tensor:
        n = rms_norm(z, eps)
        return n * getattr(p, "g" + name) if gains else n

    def formula(p: nn.Module, x: Tensor) -> Tensor:
        return attend(p, x, heads, heads, angles=angles, norm=norm)

    shapes = attention_shapes(d, d_k, d_v, heads, heads, "")
    return shapes + (f" gq:{d_k} gk:{d_k}" if gains else ""), formula, points(T, d)


def between(
    m: int, d: int, o: int, *, eps: float, bias: bool, layer: bool = False, out_bias: bool = False
) -> Network:
    """(N(x W0 + b0) G) W1, N RMSNorm, or with `layer` (N G + beta) W1 + b1, N LayerNorm."""
    shapes = f"W0:{m}x{d} g:{d} W1:{d}x{o}" + (f" b0:{d}" if bias else "")
    shapes += (f" beta:{d}" if layer else "") + (f" b1:{o}" if out_bias else "")

    def formula(p: nn.Module, x: Tensor) -> Tensor:
        z = linear(p, x, "0")
        y = layer_norm(z, eps) * p.g + p.beta if layer else rms_norm(z, eps) * p.g
        return linear(p, y, "1")

    return shapes, formula, points(1, m)


def stack(
    T: int, m: int, d: int, d_k: int, d_v: int, h: int, layers: int = 1, *, o: int = 0,
    heads: int = 1, groups: int = 1, act: str = "gelu", gate: bool = False, eps: float = 1e-5,
    angles: tuple[float, ...] = (), biases: str = "", mlp_biases: bool = False,
    parallel: bool = False, layer: bool = False,
) -> Network:
    """x W_in, pre-norm blocks (attention, then MLP), and with o a norm and a head; see `block`."""
    shapes = [f"Win:{m}x{d}"]
    for k in range(layers):
        names = "1" if parallel else "12"
        shapes += [f"g{n}{k}:{d}" + (f" beta{n}{k}:{d}" if layer else "") for n in names]
        shapes += [attention_shapes(d, d_k, d_v, heads, groups, biases, str(k))]
        shapes += [f"Wa{k}:{d}x{h} Wd{k}:{h}x{d}", f"Wu{k}:{d}x{h}" if gate else ""]
        shapes += [f"ba{k}:{h} bd{k}:{d}" if mlp_biases else ""]
    if o:
        shapes += [f"g:{d} U:{d}x{o}" + (f" beta:{d}" if layer else "")]

    def norm(p: nn.Module, z: Tensor, name: str) -> Tensor:
        if layer:
            return layer_norm(z, eps) * getattr(p, "g" + name) + getattr(p, "beta" + name)
        return rms_norm(z, eps) * getattr(p, "g" + name)

    def mlp(p: nn.Module, y: Tensor, k: int) -> Tensor:
        a = ACTS[act](linear(p, y, f"a{k}"))
        return linear(p, a * linear(p, y, f"u{k}") if gate else a, f"d{k}")

    def formula(p: nn.Module, x: Tensor) -> Tensor:
        z = x @ p.Win
        for k in range(layers):
            y = norm(p, z, f"1{k}")
            a = attend(p, y, heads, groups, suffix=str(k), angles=angles)
            if parallel:
                z = z + a + mlp(p, y, k)
                continue
            z = z + a
            z = z + mlp(p, norm(p, z, f"2{k}"), k)
        return norm(p, z, "") @ p.U if o else z

    return " ".join(" ".join(shapes).split()), formula, points(T, m)


def post_stack(
    m: int, d: int, d_k: int, d_v: int, h: int, layers: int, o: int, *, eps: float = 1e-5,
    gains: bool = True, heads: int = 1, biases: str = "", act: str = "gelu", layer: bool = False,
) -> Network:
    """x W_in, blocks N(z + attention(z)) G1, N(z + MLP(z)) G2 on two tokens, and a linear head.

    With `layer` N is LayerNorm, with a bias of its own, and the head has a bias.
    """
    shapes = [f"Win:{m}x{d} Wh:{d}x{o}", f"bh:{o}" if layer else ""]
    for k in range(layers):
        shapes += [attention_shapes(d, d_k, d_v, heads, heads, biases, str(k))]
        shapes += [f"Wa{k}:{d}x{h} Wd{k}:{h}x{d}", f"g1{k}:{d} g2{k}:{d}" if gains else ""]
        shapes += [f"ba{k}:{h} bd{k}:{d}" if biases else ""]
        shapes += [f"beta1{k}:{d} beta2{k}:{d}" if layer else ""]

    def norm(p: nn.Module, z: Tensor, name: str) -> Tensor:
        if layer:
            return layer_norm(z, eps) * getattr(p, "g" + name) + getattr(p, "beta" + name)
        return rms_norm(z, eps) * getattr(p, "g" + name) if gains else rms_norm(z, eps)

    def formula(p: nn.Module, x: Tensor) -> Tensor:
        z = x @ p.Win
        for k in range(layers):
            z = norm(p, z + attend(p, z, heads, heads, suffix=str(k)), f"1{k}")
            a = ACTS[act](linear(p, z, f"a{k}"))
            z = norm(p, z + linear(p, a, f"d{k}"), f"2{k}")
        return linear(p, z, "h")

    return " ".join(" ".join(shapes).split()), formula, points(2, m)


def plain_stack(
    act: str, m: int, d: int, h: int, layers: int, o: int, *, biases: bool,
    in_bias: bool = False, head_bias: bool = False, gate: bool = False,
) -> Network:
    """Blocks z + act(z A + a) B + b without norms between two linear maps."""
    shapes = [f"Win:{m}x{d}", f"bin:{d}" if in_bias else ""]
    for k in range(layers):
        shapes += [f"Wa{k}:{d}x{h} Wd{k}:{h}x{d}", f"Wu{k}:{d}x{h}" if gate else ""]
        shapes += [f"ba{k}:{h} bd{k}:{d}" + (f" bu{k}:{h}" if gate else "") if biases else ""]
    shapes += [f"Wh:{d}x{o}", f"bh:{o}" if head_bias else ""]

    def formula(p: nn.Module, x: Tensor) -> Tensor:
        z = linear(p, x, "in")
        for k in range(layers):
            a = ACTS[act](linear(p, z, f"a{k}"))
            z = z + linear(p, a * linear(p, z, f"u{k}") if gate else a, f"d{k}")
        return linear(p, z, "h")

    return " ".join(" ".join(shapes).split()), formula, points(1, m)


def lookup(V: int, d: int, *, tied: bool, probabilities: bool) -> Network:
    """Token to logits E U^T, or to log probabilities."""
    def formula(p: nn.Module, t: Tensor) -> Tensor:
        y = nn.functional.embedding(t, p.E) @ (p.E if tied else p.U).T
        return torch.log_softmax(y, dim=-1) if probabilities else y

    return f"E:{V}x{d}" + ("" if tied else f" U:{V}x{d}"), formula, ids(V, 1)


def token_stack(
    T: int, V: int, d: int, d_k: int, d_v: int, h: int, layers: int = 1, *, tied: bool = False,
    positions: bool = False, probabilities: bool = False, eps: float = 1e-5, layer: bool = False,
    gain: bool = True, beta: bool = True, attention_alone: bool = False,
) -> Network:
    """Tokens to logits: E[t] (+ P), pre-norm blocks as in `stack`, a norm, a head U or E.

    LayerNorm blocks have all biases, RMSNorm blocks none; `gain`, `beta`: of the last norm.
    """
    biases = "qkvo" if layer else ""
    shapes, blocks, _ = stack(
        T, d, d, d_k, d_v, h, layers, biases=biases, mlp_biases=layer, layer=layer, eps=eps)
    del blocks
    shapes = shapes.replace(f"Win:{d}x{d}", f"E:{V}x{d}")
    if attention_alone:
        shapes = " ".join(e for e in shapes.split() if e[:2] not in ("Wa", "Wd", "ba", "bd", "g2"))
    shapes += f" P:{T}x{d}" if positions else ""
    shapes += (f" g:{d}" if gain else "") + (f" beta:{d}" if layer and beta else "")
    shapes += "" if tied else f" U:{V}x{d}"

    def norm(p: nn.Module, z: Tensor, name: str) -> Tensor:
        n = layer_norm(z, eps) if layer else rms_norm(z, eps)
        n = n * getattr(p, "g" + name) if name or gain else n
        return n + getattr(p, "beta" + name) if layer and (name or beta) else n

    def formula(p: nn.Module, t: Tensor) -> Tensor:
        z = nn.functional.embedding(t, p.E)
        z = z + p.P if positions else z
        for k in range(layers):
            z = z + attend(p, norm(p, z, f"1{k}"), 1, 1, suffix=str(k))
            if not attention_alone:
                a = nn.functional.gelu(linear(p, norm(p, z, f"2{k}"), f"a{k}"))
                z = z + linear(p, a, f"d{k}")
        y = norm(p, z, "") @ (p.E if tied else p.U).T
        return torch.log_softmax(y, dim=-1) if probabilities else y

    return shapes, formula, ids(V, T)
