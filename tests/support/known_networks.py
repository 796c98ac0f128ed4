"""One torch module for each row of data/known_dimensions.csv and data/traps.csv.

`NETWORKS[name]()` and `TRAPS[name]()` return `(module, args)`: the module's parameters have the
table's names and shapes, float32, drawn from N(0, 1) with a fixed seed (a generic point, unlike
torch's initialisation); `args` is one example. Vectors are rows, (1, n); sequences are (T, n).

`LOG_SOFTMAX` says for each row whose observable is the probabilities that the module already ends
in log_softmax over the last axis (all do); every other module returns its plain output.
"""

import csv
import math
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from places import DATA

Factory = Callable[[], tuple[torch.nn.Module, tuple[Tensor, ...]]]


def read_table(name: str) -> dict[str, dict[str, str]]:
    """The rows of tests/data/NAME.csv by name."""
    with open(DATA / f"{name}.csv", newline="", encoding="utf-8") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


KNOWN_DIMENSIONS = read_table("known_dimensions")
KNOWN_TRAPS = read_table("traps")


class KnownNetwork(torch.nn.Module):
    """A formula over named parameters; `shapes` is written "W1:3x5 b1:3"."""

    def __init__(
        self,
        shapes: str,
        formula: Callable[..., Tensor],
        constants: dict[str, Tensor] | None = None,
    ) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        for entry in shapes.split():
            name, _, sizes = entry.partition(":")
            shape = [int(size) for size in sizes.split("x")]
            value = torch.randn(shape, generator=generator)
            self.register_parameter(name, torch.nn.Parameter(value))
        for name, constant in (constants or {}).items():
            self.register_buffer(name, constant)
        self.formula = formula

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.formula(self, *inputs)


def real(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


# Activations, norms, positions


def square(z: Tensor) -> Tensor:
    return z**2


def cube(z: Tensor) -> Tensor:
    return z**3


def identity(z: Tensor) -> Tensor:
    return z


def layer_norm(x: Tensor, eps: float) -> Tensor:
    centred = x - x.mean(-1, keepdim=True)
    variance = (centred**2).mean(-1, keepdim=True)
    return centred / torch.sqrt(variance + eps if eps else variance)


def rms_norm(x: Tensor, eps: float) -> Tensor:
    mean_square = (x**2).mean(-1, keepdim=True)
    return x / torch.sqrt(mean_square + eps if eps else mean_square)


def rotate(x: Tensor, frequencies: tuple[float, ...]) -> Tensor:
    """Rotary embedding of (heads, T, d_k), half-split pairs (j, j + d_k/2)."""
    positions = torch.arange(x.shape[-2], dtype=x.dtype)
    angles = positions[:, None] * torch.tensor(frequencies, dtype=x.dtype)
    first, second = x.chunk(2, dim=-1)
    cos, sin = torch.cos(angles), torch.sin(angles)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], dim=-1)


# Multilayer perceptrons and gated units


def mlp(
    p: torch.nn.Module,
    x: Tensor,
    *,
    layers: int,
    activation: Callable[[Tensor], Tensor],
    bias: bool,
    log_softmax: bool = False,
) -> Tensor:
    for layer in range(1, layers + 1):
        x = x @ getattr(p, f"W{layer}").T
        if bias:
            x = x + getattr(p, f"b{layer}")
        if layer < layers:
            x = activation(x)
    return torch.log_softmax(x, dim=-1) if log_softmax else x


def glu(p: torch.nn.Module, x: Tensor, *, activation: Callable[[Tensor], Tensor]) -> Tensor:
    return (activation(x @ p.Wg.T) * (x @ p.Wu.T)) @ p.Wd.T


def reglu_bias(p: torch.nn.Module, x: Tensor) -> Tensor:
    return (torch.relu(x @ p.Wg.T + p.bg) * (x @ p.Wu.T + p.bu)) @ p.Wd.T + p.bd


# Norms and residual streams


def ln_aff_linear_bias(p: torch.nn.Module, x: Tensor) -> Tensor:
    return (p.gn * layer_norm(x, 1e-5) + p.bn) @ p.W1.T + p.b1


def ln_aff_linear_nobias(p: torch.nn.Module, x: Tensor) -> Tensor:
    return (p.gn * layer_norm(x, 1e-5) + p.bn) @ p.W1.T


def rms_gain_linear(p: torch.nn.Module, x: Tensor) -> Tensor:
    return (p.gn * rms_norm(x, 1e-5)) @ p.W1.T


def lin_rms_gain_lin(p: torch.nn.Module, x: Tensor, *, eps: float) -> Tensor:
    return (p.gn * rms_norm(x @ p.W0.T, eps)) @ p.W1.T


def bn_eval_relu(p: torch.nn.Module, x: Tensor) -> Tensor:
    normed = (x @ p.W0.T + p.b0 - p.running_mean) / torch.sqrt(p.running_var + 1e-5)
    return torch.relu(p.gn * normed + p.bn) @ p.W1.T + p.b1


def resid_relu(p: torch.nn.Module, x: Tensor) -> Tensor:
    z = x @ p.W0.T
    z = z + torch.relu(z @ p.W0a.T) @ p.W0b.T
    z = z + torch.relu(z @ p.W1a.T) @ p.W1b.T
    return z @ p.WU.T


# Attention


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(T, num_heads * head_dim) -> (num_heads, T, head_dim)."""
    return x.reshape(x.shape[0], num_heads, -1).transpose(0, 1)


def mix_heads(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    *,
    causal: bool = False,
    kind: str = "softmax",
    score_bias: Tensor | None = None,
) -> Tensor:
    """act(q k^T / sqrt(d_k)) v with grouped key/value heads, heads side by side again."""
    repeats = q.shape[0] // k.shape[0]
    k, v = k.repeat_interleave(repeats, dim=0), v.repeat_interleave(repeats, dim=0)
    scores = torch.einsum("hqc,hkc->hqk", q, k) / math.sqrt(q.shape[-1])
    if score_bias is not None:
        scores = scores + score_bias
    if causal:
        visible = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        scores = scores.masked_fill(~visible, -math.inf)
    if kind == "softmax":
        scores = torch.softmax(scores, dim=-1)
    elif kind == "sigmoid":
        scores = torch.sigmoid(scores)
    mixed = torch.einsum("hqk,hkc->hqc", scores, v)
    return mixed.transpose(0, 1).reshape(q.shape[1], -1)


def attention(
    p: torch.nn.Module,
    x: Tensor,
    *,
    heads: int,
    groups: int | None = None,
    kind: str = "softmax",
    causal: bool = False,
    qkv_bias: bool = False,
    out_bias: bool = False,
    frequencies: tuple[float, ...] = (),
    alibi: bool = False,
) -> Tensor:
    groups = heads if groups is None else groups
    q, k, v = x @ p.Wq.T, x @ p.Wk.T, x @ p.Wv.T
    if qkv_bias:
        q, k, v = q + p.bq, k + p.bk, v + p.bv
    q, k, v = split_heads(q, heads), split_heads(k, groups), split_heads(v, groups)
    if frequencies:
        q, k = rotate(q, frequencies), rotate(k, frequencies)
    score_bias = None
    if alibi:
        slopes = torch.tensor([2.0 ** (-8 * (h + 1) / heads) for h in range(heads)], dtype=x.dtype)
        positions = torch.arange(x.shape[0], dtype=x.dtype)
        score_bias = slopes[:, None, None] * (positions[None, :] - positions[:, None])
    y = mix_heads(q, k, v, kind=kind, causal=causal, score_bias=score_bias) @ p.Wo.T
    return y + p.bo if out_bias else y


def att_qknorm(p: torch.nn.Module, x: Tensor) -> Tensor:
    q = p.gq * rms_norm(split_heads(x @ p.Wq.T, 2), 0.0)
    k = p.gk * rms_norm(split_heads(x @ p.Wk.T, 2), 0.0)
    return mix_heads(q, k, split_heads(x @ p.Wv.T, 2)) @ p.Wo.T


def att_cross(p: torch.nn.Module, x: Tensor, memory: Tensor) -> Tensor:
    q = split_heads(x @ p.Wq.T, 2)
    k, v = split_heads(memory @ p.Wk.T, 2), split_heads(memory @ p.Wv.T, 2)
    return mix_heads(q, k, v) @ p.Wo.T


def att_mla(p: torch.nn.Module, x: Tensor) -> Tensor:
    latent = x @ p.Wc.T
    q = split_heads(x @ p.Wq.T, 2)
    k, v = split_heads(latent @ p.Wuk.T, 2), split_heads(latent @ p.Wuv.T, 2)
    return mix_heads(q, k, v, causal=True) @ p.Wo.T


# Transformers


def gpt_block(p: torch.nn.Module, x: Tensor, layer: str, eps: float) -> Tensor:
    """x + MHA(LN(x)); x + GELU MLP(LN(x)); parameters carry the suffix `layer`."""

    def get(name: str) -> Tensor:
        return getattr(p, name + layer)

    y = get("gn1") * layer_norm(x, eps) + get("bn1")
    q, k, v = (split_heads(y @ get(f"W{c}").T + get(f"b{c}"), 2) for c in "qkv")
    x = x + mix_heads(q, k, v, causal=True) @ get("Wo").T + get("bo")
    y = get("gn2") * layer_norm(x, eps) + get("bn2")
    hidden = torch.nn.functional.gelu(y @ get("Wa").T + get("ba"))
    return x + hidden @ get("Wb").T + get("bb")


def gpt2(p: torch.nn.Module, tokens: Tensor, *, tied: bool, eps: float) -> Tensor:
    x = torch.nn.functional.embedding(tokens, p.E) + p.P
    for layer in "01":
        x = gpt_block(p, x, layer, eps)
    x = p.gnf * layer_norm(x, eps) + p.bnf
    return torch.log_softmax(x @ (p.E if tied else p.WU).T, dim=-1)


def llama(p: torch.nn.Module, tokens: Tensor, *, tied: bool, eps: float) -> Tensor:
    x = torch.nn.functional.embedding(tokens, p.E)
    for layer in "01":

        def get(name: str, layer: str = layer) -> Tensor:
            return getattr(p, name + layer)

        y = get("gn1") * rms_norm(x, eps)
        q = rotate(split_heads(y @ get("Wq").T, 2), (1.0, 0.37))
        k = rotate(split_heads(y @ get("Wk").T, 1), (1.0, 0.37))
        v = split_heads(y @ get("Wv").T, 1)
        x = x + mix_heads(q, k, v, causal=True) @ get("Wo").T
        y = get("gn2") * rms_norm(x, eps)
        hidden = torch.nn.functional.silu(y @ get("Wg").T) * (y @ get("Wu").T)
        x = x + hidden @ get("Wd").T
    x = p.gnf * rms_norm(x, eps)
    return torch.log_softmax(x @ (p.E if tied else p.WU).T, dim=-1)


def lookup(
    p: torch.nn.Module, tokens: Tensor, *, tied: bool = False, log_softmax: bool = False
) -> Tensor:
    logits = torch.nn.functional.embedding(tokens, p.E) @ (p.E if tied else p.U).T
    return torch.log_softmax(logits, dim=-1) if log_softmax else logits


# Experts, low rank, convolutions


def experts(p: torch.nn.Module, x: Tensor) -> Tensor:
    """(1, experts, out): the ReLU experts side by side."""
    outputs = [
        torch.relu(x @ getattr(p, f"Wa{e}").T + getattr(p, f"ba{e}"))
        @ getattr(p, f"Wb{e}").T
        for e in range(3)
    ]
    return torch.stack(outputs, dim=-2)


def moe_dense(p: torch.nn.Module, x: Tensor) -> Tensor:
    gates = torch.softmax(x @ p.Wr.T, dim=-1)
    return torch.einsum("be,beo->bo", gates, experts(p, x))


def moe_top2(p: torch.nn.Module, x: Tensor) -> Tensor:
    chosen, index = torch.topk(torch.softmax(x @ p.Wr.T, dim=-1), 2)
    gates = torch.zeros_like(x @ p.Wr.T).scatter(-1, index, chosen / chosen.sum(-1, keepdim=True))
    return torch.einsum("be,beo->bo", gates, experts(p, x))


def lora(p: torch.nn.Module, x: Tensor) -> Tensor:
    return x @ (p.W0 + p.WB @ p.WA).T


def cp_layer(p: torch.nn.Module, y: Tensor, z: Tensor) -> Tensor:
    return ((y @ p.WB) * (z @ p.WC)) @ p.WA.T


def conv_relu(p: torch.nn.Module, x: Tensor) -> Tensor:
    hidden = torch.relu(torch.nn.functional.conv1d(x, p.W1, p.b1))
    return torch.nn.functional.conv1d(hidden, p.W2, p.b2)


def conv_linear(p: torch.nn.Module, x: Tensor) -> Tensor:
    return torch.nn.functional.conv1d(torch.nn.functional.conv1d(x, p.W1), p.W2)


def depthwise_separable(p: torch.nn.Module, x: Tensor) -> Tensor:
    hidden = torch.nn.functional.conv1d(x, p.W1[:, None, :], groups=3)
    return torch.nn.functional.conv1d(hidden, p.W2[:, :, None])


# Recurrent networks: x of shape (steps, in), outputs at every step


def linear_rnn(p: torch.nn.Module, x: Tensor) -> Tensor:
    h, outputs = x.new_zeros(3), []
    for step in x:
        h = p.A @ h + p.B @ step
        outputs.append(p.C @ h)
    return torch.stack(outputs)


def diag_ssm(p: torch.nn.Module, x: Tensor) -> Tensor:
    h, outputs = x.new_zeros(3), []
    for step in x:
        h = p.Ad * h + p.B @ step
        outputs.append(p.C @ h)
    return torch.stack(outputs)


def rnn(p: torch.nn.Module, x: Tensor) -> Tensor:
    h, outputs = x.new_zeros(3), []
    for step in x:
        h = torch.tanh(p.Wx @ step + p.Wh @ h + p.b1)
        outputs.append(p.Wy @ h + p.by)
    return torch.stack(outputs)


def gru(p: torch.nn.Module, x: Tensor) -> Tensor:
    h, outputs = x.new_zeros(3), []
    for step in x:
        reset_x, update_x, new_x = (p.Wx @ step + p.b1).chunk(3)
        reset_h, update_h, new_h = (p.Wh @ h).chunk(3)
        update = torch.sigmoid(update_x + update_h)
        new = torch.tanh(new_x + torch.sigmoid(reset_x + reset_h) * new_h)
        h = (1 - update) * new + update * h
        outputs.append(p.Wy @ h + p.by)
    return torch.stack(outputs)


def lstm(p: torch.nn.Module, x: Tensor) -> Tensor:
    h, cell, outputs = x.new_zeros(3), x.new_zeros(3), []
    for step in x:
        enter, forget, new, leave = (p.Wx @ step + p.Wh @ h + p.b1).chunk(4)
        cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
        h = torch.sigmoid(leave) * torch.tanh(cell)
        outputs.append(p.Wy @ h + p.by)
    return torch.stack(outputs)


# Sets and neural ODEs


def deepset(p: torch.nn.Module, x: Tensor) -> Tensor:
    """x of shape (elements, 2)."""
    pooled = (torch.relu(x @ p.W1.T + p.b1) @ p.W2.T + p.b2).sum(0, keepdim=True)
    return torch.relu(pooled @ p.W3.T + p.b3) @ p.W4.T + p.b4


def node_linear(p: torch.nn.Module, x: Tensor, *, trajectory: bool, steps: int = 6) -> Tensor:
    z = x @ p.Wi.T
    states = [z]
    for _ in range(steps):
        z = z + z @ p.A.T / steps
        states.append(z)
    return torch.cat(states) @ p.Wo.T if trajectory else z @ p.Wo.T


def node_mlp(p: torch.nn.Module, x: Tensor, *, steps: int = 3) -> Tensor:
    z = x @ p.Wi.T + p.bi
    for _ in range(steps):
        z = z + (torch.tanh(z @ p.W1.T + p.b1) @ p.W2.T + p.b2) / steps
    return z @ p.Wo.T + p.bo


# Identities between function values


def exp_token_plus_position(p: torch.nn.Module, tokens: Tensor) -> Tensor:
    """One sequence of five tokens; the i-th output belongs to token t_i at position i."""
    return torch.exp(torch.nn.functional.embedding(tokens, p.E) + p.P) @ p.a


def silu_both_signs(p: torch.nn.Module, x: Tensor) -> Tensor:
    z = x @ p.W.T
    silu = torch.nn.functional.silu
    return silu(z) @ p.A.T + silu(-z) @ p.B.T + x @ p.C.T


def tanh_sigmoid_double(p: torch.nn.Module, x: Tensor) -> Tensor:
    z = x @ p.W.T
    return torch.tanh(z) @ p.A.T + torch.sigmoid(2 * z) @ p.B.T + p.b


def sin2_cos2(p: torch.nn.Module, x: Tensor) -> Tensor:
    z = x @ p.W.T
    return torch.sin(z) ** 2 @ p.A.T + torch.cos(z) ** 2 @ p.B.T + p.b


def exp_product_exp_sum(p: torch.nn.Module, x: Tensor) -> Tensor:
    w, v = x @ p.W.T, x @ p.V.T
    return (torch.exp(w) * torch.exp(v)) @ p.A.T + torch.exp(w + v) @ p.B.T


def cosine_two_ways(p: torch.nn.Module, x: Tensor) -> Tensor:
    y, z = x @ p.Y.T, x @ p.Z.T
    inner = (y * z).sum(-1, keepdim=True)
    yy, zz = (y * y).sum(-1, keepdim=True), (z * z).sum(-1, keepdim=True)
    product_of_roots = torch.sqrt(yy) * torch.sqrt(zz)
    return p.A * (inner / product_of_roots) + p.B * (inner / torch.sqrt(yy * zz))


def quadratic_of_rmsnorm(p: torch.nn.Module, x: Tensor) -> Tensor:
    u = rms_norm(x @ p.W.T, 0.0)
    return torch.einsum("bi,oij,bj->bo", u, p.A, u) + p.b


def sqrt_squared(p: torch.nn.Module, x: Tensor) -> Tensor:
    v = (x @ p.W.T) ** 2 + 1
    return torch.sqrt(v) ** 2 @ p.A.T + v @ p.B.T


FORMULAS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "lin_1h_bottleneck": (
        partial(mlp, layers=2, activation=identity, bias=False),
        (real(1, 5),),
    ),
    "lin_1h_wide": (partial(mlp, layers=2, activation=identity, bias=False), (real(1, 2),)),
    "lin_2h_taper_nobias": (
        partial(mlp, layers=3, activation=identity, bias=False),
        (real(1, 4),),
    ),
    "lin_1h_bias": (partial(mlp, layers=2, activation=identity, bias=True), (real(1, 4),)),
    "relu_1h_bias": (partial(mlp, layers=2, activation=torch.relu, bias=True), (real(1, 3),)),
    "relu_2h_bias": (partial(mlp, layers=3, activation=torch.relu, bias=True), (real(1, 3),)),
    "leaky_1h_nobias": (
        partial(mlp, layers=2, activation=torch.nn.functional.leaky_relu, bias=False),
        (real(1, 3),),
    ),
    "x2_1h_dout1": (partial(mlp, layers=2, activation=square, bias=False), (real(1, 5),)),
    "x2_1h_dout3": (partial(mlp, layers=2, activation=square, bias=False), (real(1, 5),)),
    "x3_1h_dout2": (partial(mlp, layers=2, activation=cube, bias=False), (real(1, 4),)),
    "tanh_2h_bias": (partial(mlp, layers=3, activation=torch.tanh, bias=True), (real(1, 3),)),
    "gelu_2h_bias": (
        partial(mlp, layers=3, activation=torch.nn.functional.gelu, bias=True),
        (real(1, 3),),
    ),
    "exp_2h_bias": (partial(mlp, layers=3, activation=torch.exp, bias=True), (real(1, 2),)),
    "relu_1h_bias_softmax": (
        partial(mlp, layers=2, activation=torch.relu, bias=True, log_softmax=True),
        (real(1, 3),),
    ),
    "bilinear_glu": (partial(glu, activation=identity), (real(1, 5),)),
    "bilinear_glu_dout1": (partial(glu, activation=identity), (real(1, 5),)),
    "reglu_bias": (reglu_bias, (real(1, 3),)),
    "swiglu_nobias": (partial(glu, activation=torch.nn.functional.silu), (real(1, 3),)),
    "geglu_nobias": (partial(glu, activation=torch.nn.functional.gelu), (real(1, 3),)),
    "ln_aff_linear_bias": (ln_aff_linear_bias, (real(1, 4),)),
    "ln_aff_linear_nobias": (ln_aff_linear_nobias, (real(1, 4),)),
    "rms_gain_linear": (rms_gain_linear, (real(1, 4),)),
    "lin_rms_gain_lin_eps0": (partial(lin_rms_gain_lin, eps=0.0), (real(1, 5),)),
    "lin_rms_gain_lin_eps1e-5": (partial(lin_rms_gain_lin, eps=1e-5), (real(1, 5),)),
    "bn_eval_relu": (bn_eval_relu, (real(1, 3),)),
    "resid_relu_embed_nobias": (resid_relu, (real(1, 4),)),
    "lm_untied_logits": (lookup, (torch.arange(8),)),
    "lm_untied_softmax": (partial(lookup, log_softmax=True), (torch.arange(8),)),
    "lm_tied_logits": (partial(lookup, tied=True), (torch.arange(8),)),
    "att_linear_1h": (partial(attention, heads=1, kind="linear"), (real(5, 4),)),
    "att_softmax_1h": (partial(attention, heads=1), (real(5, 4),)),
    "att_mha_nobias": (partial(attention, heads=2), (real(5, 4),)),
    "att_mha_allbias": (
        partial(attention, heads=2, qkv_bias=True, out_bias=True),
        (real(5, 4),),
    ),
    "att_gqa": (partial(attention, heads=4, groups=2), (real(5, 4),)),
    "att_mqa": (partial(attention, heads=3, groups=1), (real(5, 4),)),
    "att_rope": (
        partial(attention, heads=2, causal=True, frequencies=(1.0, 0.37)),
        (real(6, 5),),
    ),
    "att_rope_equalfreq": (
        partial(attention, heads=1, causal=True, frequencies=(0.7, 0.7)),
        (real(6, 5),),
    ),
    "att_rope_qkvbias": (
        partial(attention, heads=2, causal=True, frequencies=(1.0, 0.37), qkv_bias=True),
        (real(6, 5),),
    ),
    "att_alibi_allbias": (
        partial(attention, heads=2, causal=True, alibi=True, qkv_bias=True, out_bias=True),
        (real(5, 4),),
    ),
    "att_qknorm_gain_eps0": (att_qknorm, (real(5, 4),)),
    "att_sigmoid_allbias": (
        partial(attention, heads=2, kind="sigmoid", qkv_bias=True, out_bias=True),
        (real(5, 4),),
    ),
    "att_dhead_gt_d": (partial(attention, heads=1), (real(5, 3),)),
    "att_cross": (att_cross, (real(3, 4), real(5, 3, seed=2))),
    "att_mla": (att_mla, (real(5, 5),)),
    "block_gpt_preln": (partial(gpt_block, layer="", eps=1e-5), (real(5, 4),)),
    "gpt2_tied_eps0": (partial(gpt2, tied=True, eps=0.0), (torch.tensor([3, 0, 7, 5]),)),
    "gpt2_untied_eps1e-5": (partial(gpt2, tied=False, eps=1e-5), (torch.tensor([3, 0, 7, 5]),)),
    "llama_untied_eps1e-5": (
        partial(llama, tied=False, eps=1e-5),
        (torch.tensor([3, 0, 7, 5, 8]),),
    ),
    "llama_tied_gain_eps0": (
        partial(llama, tied=True, eps=0.0),
        (torch.tensor([3, 0, 7, 5, 8]),),
    ),
    "moe_dense_softmax": (moe_dense, (real(1, 3),)),
    "moe_top2_renorm": (moe_top2, (real(1, 3),)),
    "lora_frozen_base": (lora, (real(1, 5),)),
    "cp_layer": (cp_layer, (real(1, 4), real(1, 3, seed=2))),
    "conv1d_relu": (conv_relu, (real(1, 2, 7),)),
    "conv1d_linear": (conv_linear, (real(1, 2, 5),)),
    "dwsep_conv_linear": (depthwise_separable, (real(1, 3, 5),)),
    "linear_rnn": (linear_rnn, (real(6, 2),)),
    "diag_ssm_real": (diag_ssm, (real(6, 2),)),
    "rnn_tanh": (rnn, (real(4, 2),)),
    "gru_tanh": (gru, (real(4, 2),)),
    "lstm_tanh": (lstm, (real(4, 2),)),
    "deepset_fixed_n": (deepset, (real(3, 2),)),
    "node_linear_endpoint": (partial(node_linear, trajectory=False), (real(1, 4),)),
    "node_linear_trajectory": (partial(node_linear, trajectory=True), (real(1, 4),)),
    "node_mlp_tanh_io_bias": (node_mlp, (real(1, 4),)),
}

TRAP_FORMULAS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]] = {
    "exp_token_plus_position": (exp_token_plus_position, (torch.tensor([3, 0, 5, 1, 4]),)),
    "silu_both_signs": (silu_both_signs, (real(1, 3),)),
    "tanh_sigmoid_double": (tanh_sigmoid_double, (real(1, 4),)),
    "sin2_cos2": (sin2_cos2, (real(1, 3),)),
    "exp_product_exp_sum": (exp_product_exp_sum, (real(1, 3),)),
    "cosine_two_ways": (cosine_two_ways, (real(1, 3),)),
    "quadratic_of_rmsnorm_eps0": (quadratic_of_rmsnorm, (real(1, 5),)),
    "sqrt_squared": (sqrt_squared, (real(1, 4),)),
}

# Frozen values, buffers of the module
CONSTANTS: dict[str, dict[str, Tensor]] = {
    "bn_eval_relu": {"running_mean": real(4, seed=3), "running_var": real(4, seed=4) ** 2 + 0.5},
    "lora_frozen_base": {"W0": real(4, 5, seed=3)},
}

LOG_SOFTMAX: dict[str, bool] = {
    "relu_1h_bias_softmax": True,
    "lm_untied_softmax": True,
    "gpt2_tied_eps0": True,
    "gpt2_untied_eps1e-5": True,
    "llama_untied_eps1e-5": True,
    "llama_tied_gain_eps0": True,
}


def build(
    table: dict[str, dict[str, str]],
    formulas: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...]]],
    name: str,
) -> tuple[torch.nn.Module, tuple[Tensor, ...]]:
    """The module of one row and its example."""
    formula, args = formulas[name]
    module = KnownNetwork(table[name]["parameter_shapes"], formula, CONSTANTS.get(name))
    return module, tuple(arg.clone() for arg in args)


NETWORKS: dict[str, Factory] = {
    name: partial(build, KNOWN_DIMENSIONS, FORMULAS, name) for name in FORMULAS
}
TRAPS: dict[str, Factory] = {
    name: partial(build, KNOWN_TRAPS, TRAP_FORMULAS, name) for name in TRAP_FORMULAS
}
