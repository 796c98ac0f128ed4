"""The counts of proofs/k3 to k17 are P - rank J, by exact ranks on both sides of each bound.

A module of each size is made here and captured; its rank over GF(p) owes nothing to the theorems,
nor to what derives. What a theorem does not cover it refuses, and the number there is another one.
"""

import runpy
from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import pytest
from converse_networks import (
    ANGLES, Network, attention, between, deep, gated, lookup, normed_attention, plain_stack,
    post_stack, stack, token_stack,
)
from exact_redundancy import exact_redundancy
from places import ROOT

slow = pytest.mark.slow
THEOREMS = {
    path.stem.partition("_")[0]: runpy.run_path(str(path))
    for path in (ROOT / "proofs").glob("k*.py")}


def formula(claim: str, name: str = "redundancy") -> Callable[..., int]:
    """A count of the theorem."""
    found: Callable[..., int] = THEOREMS[claim][name]
    return found


class Case(NamedTuple):
    """A network, and what a theorem says of it."""

    name: str
    network: Network
    expected: int


def agree(case: Case) -> None:
    assert exact_redundancy(*case.network) == case.expected


def named(case: Any) -> str:
    return case.name if isinstance(case, Case) else ""


# -- K3: one hidden layer, gates, chains ---------------------------------------------------------


def one_layer(act: str, d: int, h: int, o: int, bias: bool) -> Case:
    return Case(f"{act}-{d}-{h}-{o}-{bias}", deep(act, (d, h, o), bias),
                formula("k3")(act, d, h, o, bias))


def one_gate(act: str, d: int, h: int, o: int, bias: bool) -> Case:
    return Case(f"gated-{act}-{d}-{h}-{o}-{bias}", gated(act, d, h, o, bias),
                formula("k3", "gated_redundancy")(act, d, h, o, bias))


def chain(widths: tuple[int, ...], bias: bool) -> Case:
    return Case(f"chain-{widths}-{bias}", deep("linear", widths, bias),
                formula("k3", "chain_redundancy")(widths, bias))


LAYERS = [
    one_layer("tanh", 1, 3, 1, False), one_layer("gelu", 2, 3, 2, True),
    one_layer("exp", 2, 3, 1, True), one_layer("exp", 2, 3, 1, False),
    one_layer("relu", 1, 3, 2, True), one_layer("relu", 2, 3, 2, False),
    one_layer("square", 3, 3, 1, False), one_layer("square", 2, 2, 2, True),
    one_gate("relu", 1, 2, 2, True), one_gate("linear", 4, 2, 1, False),
]
MORE_LAYERS = [
    one_gate("linear", 4, 2, 2, False), chain((3, 2, 4, 3), True), chain((2, 3, 4), False),
    one_gate("silu", 1, 2, 1, False), one_gate("gelu", 2, 3, 2, True),
    one_layer("relu", 1, 3, 2, False), one_layer("cube", 2, 2, 2, False),
    *(one_layer(act, d, h, o, bias) for act in ("tanh", "sigmoid", "silu", "softplus", "gelu")
      for d, h, o, bias in ((1, 1, 1, True), (1, 4, 1, False), (3, 2, 1, True), (2, 4, 3, False))),
    *(one_gate(act, d, h, o, bias) for act in ("silu", "gelu", "sigmoid", "tanh")
      for d, h, o, bias in ((1, 1, 1, True), (1, 3, 2, False), (3, 2, 1, True))),
    one_layer("square", 3, 3, 2, True), one_layer("square", 4, 2, 1, True),
    one_layer("cube", 3, 3, 1, True), one_layer("exp", 1, 1, 1, True),
    one_gate("relu", 2, 3, 1, False), one_gate("linear", 6, 3, 1, False),
    chain((4, 3, 2, 3), False), chain((2, 2), True), chain((1, 5, 5, 2), True),
]


def power(act: str, d: int, h: int, o: int) -> Case:
    """Beyond h <= d."""
    return Case(f"{act}-{d}-{h}-{o}", deep(act, (d, h, o), False),
                formula("k11")({"square": 2, "cube": 3}[act], d, h, o))


def bilinear(d: int, h: int, o: int) -> Case:
    return Case(f"bilinear-{d}-{h}-{o}", gated("linear", d, h, o, False),
                formula("k11", "bilinear_redundancy")(d, h, o))


POWERS = [
    power("cube", 2, 3, 3), power("cube", 2, 3, 1), power("square", 3, 4, 4),
    power("square", 2, 4, 1), bilinear(3, 2, 2), bilinear(2, 1, 1),
]
MORE_POWERS = [
    power("cube", 3, 5, 5), power("cube", 5, 7, 1), power("square", 4, 7, 8),
    power("cube", 3, 4, 1), power("square", 3, 2, 1), bilinear(3, 2, 3), bilinear(4, 4, 4),
    bilinear(4, 3, 5),
]

# -- K4: depth -----------------------------------------------------------------------------------


def depth(act: str, widths: tuple[int, ...], bias: bool) -> Case:
    hidden = len(widths) - 2
    return Case(
        f"{act}-{widths}-{bias}", deep(act, widths, bias),
        formula("k4")((act,) * hidden, widths, (bias,) * (hidden + 1)))


DEEP = [
    depth("tanh", (1, 2, 2, 2, 1), True), depth("gelu", (2, 3, 1, 2), False),
    depth("exp", (2, 3, 2, 1), True), depth("exp", (2, 3, 2, 1), False),
    depth("softplus", (2, 1, 3, 1), True), depth("silu", (1, 3, 3, 2), False),
]
MORE_DEEP = [
    depth(act, widths, bias) for act in ("tanh", "sigmoid", "silu", "softplus", "gelu", "exp")
    for widths in ((1, 1, 1, 1), (3, 2, 2, 2)) for bias in (False, True)]

# -- K5: attention -------------------------------------------------------------------------------


def softmax(T: int, d: int, d_k: int, d_v: int, heads: int = 1, groups: int = 1,
            biases: str = "", causal: bool = True) -> Case:
    return Case(
        f"softmax-{T}-{d}-{d_k}-{d_v}-{heads}-{groups}-{biases}",
        attention(T, d, d_k, d_v, heads, groups, biases, causal=causal),
        formula("k5")(T, d, d_k, d_v, groups, heads // groups, biases))


def sigmoid(T: int, d: int, d_k: int, d_v: int, heads: int, groups: int, biases: str) -> Case:
    return Case(
        f"sigmoid-{T}-{d}-{d_k}-{d_v}-{heads}-{groups}-{biases}",
        attention(T, d, d_k, d_v, heads, groups, biases, causal=False, kind="sigmoid"),
        formula("k5", "sigmoid_redundancy")(T, d, d_k, d_v, groups, heads // groups, biases))


def rotary(T: int, d: int, d_k: int, d_v: int, heads: int = 1, groups: int = 1, biases: str = "",
           fixed: int = 0, equal: bool = False) -> Case:
    """d_k entries a head, `fixed` of them at the angle 0, the others at distinct or equal ones."""
    turned = (d_k - fixed) // 2
    angles = (ANGLES[:1] * turned if equal else ANGLES[:turned]) + (0.0,) * (fixed // 2)
    scores = formula("k9", "rotary_scores")(
        T, d, groups, (turned,) if equal else (1,) * turned, fixed, biases)
    values = formula("k5", "values")(d, d_v, groups, heads // groups, biases)
    return Case(
        f"rotary-{T}-{d}-{d_k}-{d_v}-{heads}-{groups}-{biases}-{fixed}-{equal}",
        attention(T, d, d_k, d_v, heads, groups, biases, angles=angles), scores + values)


def normed(d: int, d_k: int, d_v: int, heads: int, gains: bool, eps: float) -> Case:
    scores = formula("k9", "normed_scores")(d, d_k, heads, 1, gains, eps > 0)
    return Case(
        f"normed-{d}-{d_k}-{d_v}-{heads}-{gains}-{eps}",
        normed_attention(2, d, d_k, d_v, heads, gains, eps),
        scores + formula("k5", "values")(d, d_v, heads, 1, ""))


ATTENTION = [
    softmax(2, 3, 2, 2), softmax(3, 2, 3, 1), softmax(2, 2, 3, 3, 2, 1, causal=False),
    softmax(2, 2, 2, 2, 2, 2, "v"), softmax(1, 3, 2, 2), softmax(2, 2, 3, 2, 2, 1, "q"),
    sigmoid(2, 2, 3, 3, 1, 1, "kv"), sigmoid(2, 2, 2, 1, 2, 2, "qk"),
    rotary(3, 3, 2, 1), rotary(3, 4, 4, 2, 1, 1, "qkvo", 2), rotary(5, 2, 4, 1),
    normed(3, 2, 1, 2, True, 0.0), normed(3, 3, 1, 1, True, 1e-5), normed(3, 3, 1, 1, False, 1e-5),
]
MORE_ATTENTION = [
    rotary(3, 4, 4, 1, equal=True), rotary(2, 3, 2, 1),
    softmax(3, 3, 1, 2, 2, 2, "qkvo"), softmax(2, 3, 2, 2, biases="qkv"),
    *(softmax(T, d, k, v, heads, groups, biases) for (T, d, k, v), (heads, groups), biases in
      product(((2, 2, 2, 2), (3, 2, 3, 1), (2, 3, 1, 4), (2, 1, 1, 2)), ((1, 1), (2, 1), (2, 2)),
              ("", "qk", "v", "qkvo"))),
    softmax(1, 3, 1, 1, 4, 2, "qk"), softmax(4, 4, 3, 2), softmax(2, 2, 2, 3, biases="v"),
    sigmoid(3, 2, 2, 1, 2, 1, "qkvo"), sigmoid(2, 3, 3, 1, 1, 1, "k"),
    sigmoid(2, 1, 2, 2, 1, 1, "qkvo"), sigmoid(2, 3, 2, 2, 1, 1, ""),
    rotary(3, 4, 4, 1), rotary(3, 3, 2, 3, 2, 2, "qkv"), rotary(5, 3, 4, 1),
    rotary(2, 7, 4, 2), rotary(4, 6, 6, 1), rotary(3, 4, 2, 2, 2, 1, "qkvo"),
    rotary(2, 3, 2, 1, 2, 1), rotary(3, 4, 4, 1, 2, 1, "k", 2), rotary(3, 5, 4, 1, 1, 1, "", 4),
    normed(2, 2, 1, 1, True, 1e-5), normed(3, 2, 2, 2, False, 0.0), normed(4, 3, 1, 1, True, 0.0),
]

# -- K6: a norm between linear maps --------------------------------------------------------------


def rms(m: int, d: int, o: int, bias: bool, eps: float) -> Case:
    return Case(f"rms-{m}-{d}-{o}-{bias}-{eps}", between(m, d, o, eps=eps, bias=bias),
                formula("k6")(m, d, o, bias, eps > 0))


def layer_norm(m: int, d: int, o: int, bias: bool, eps: float, out_bias: bool) -> Case:
    return Case(
        f"layer_norm-{m}-{d}-{o}-{bias}-{eps}-{out_bias}",
        between(m, d, o, eps=eps, bias=bias, layer=True, out_bias=out_bias),
        formula("k6", "layer_norm_redundancy")(m, d, o, bias, eps > 0, out_bias))


NORMS = [
    rms(3, 4, 3, True, 1e-5), rms(4, 4, 3, True, 1e-5), rms(3, 4, 3, False, 1e-5),
    rms(2, 1, 2, True, 1e-5), layer_norm(2, 4, 2, True, 1e-5, True),
    layer_norm(3, 4, 2, True, 1e-5, False), layer_norm(3, 3, 2, False, 0.0, False),
    layer_norm(1, 2, 1, True, 0.0, True), layer_norm(4, 3, 1, False, 1e-5, True),
]
MORE_NORMS = [
    rms(3, 4, 3, False, 0.0), rms(5, 3, 1, True, 0.0), rms(2, 1, 2, False, 0.0),
    *(rms(m, d, o, bias, eps) for (m, d, o), bias, eps in product(
        ((1, 1, 1), (1, 2, 2), (2, 3, 1), (3, 2, 2), (4, 3, 3)), (False, True), (0.0, 1e-5))),
    *(layer_norm(m, d, o, bias, eps, out) for (m, d, o), bias, eps, out in product(
        ((1, 2, 1), (2, 3, 2), (3, 3, 2), (4, 3, 2)), (False, True), (0.0, 1e-5), (False, True))),
]

# -- K7: stacks ----------------------------------------------------------------------------------


def rms_stack(T: int, m: int, d: int, d_k: int, d_v: int, h: int, layers: int, o: int,
              heads: int = 1, groups: int = 1, act: str = "gelu", gate: bool = False,
              eps: float = 1e-5) -> Case:
    a = formula("k5")(T, d, d_k, d_v, groups, heads // groups)
    return Case(
        f"rms-{T}-{m}-{d}-{d_k}-{d_v}-{h}-{layers}-{o}-{heads}-{groups}-{act}-{gate}-{eps}",
        stack(T, m, d, d_k, d_v, h, layers, o=o, heads=heads, groups=groups, act=act, gate=gate,
              eps=eps),
        formula("k7")(layers, a, h * gate, d, eps > 0, o > 0))


def layer_norm_stack(m: int, d: int, d_k: int, d_v: int, h: int, layers: int, o: int,
                     heads: int = 1, eps: float = 1e-5) -> Case:
    a = formula("k5")(2, d - 1, d_k, d_v, heads, 1, "qkvo")
    writes = (heads * (2 * d_k + d_v), heads * d_v, h)
    return Case(
        f"layer_norm-{m}-{d}-{d_k}-{d_v}-{h}-{layers}-{o}-{heads}-{eps}",
        stack(2, m, d, d_k, d_v, h, layers, o=o, heads=heads, groups=heads, eps=eps, layer=True,
              biases="qkvo", mlp_biases=True),
        formula("k7", "layer_norm_redundancy")(layers, a, writes, m, d, eps > 0, o > 0))


def plain(act: str, m: int, d: int, h: int, layers: int, o: int, biases: bool, ends: bool,
          gate: bool = False) -> Case:
    return Case(
        f"plain-{act}-{m}-{d}-{h}-{layers}-{o}-{biases}-{ends}-{gate}",
        plain_stack(act, m, d, h, layers, o, biases=biases, in_bias=ends, head_bias=ends,
                    gate=gate),
        formula("k7", "plain_redundancy")(layers, h * gate, d, biases, ends, ends))


def ends(act: str, m: int, d: int, h: int, layers: int, o: int, biases: bool, in_bias: bool,
         head_bias: bool, gate: bool = False) -> Case:
    """A stack without norms with m or o below d."""
    network = plain_stack(
        act, m, d, h, layers, o, biases=biases, in_bias=in_bias, head_bias=head_bias, gate=gate)
    count = formula("k7", "plain_redundancy")(layers, h * gate, d, biases, in_bias, head_bias)
    more = formula("k7", "narrow_ends")(
        layers, h, h * (1 + gate), m, d, o, biases, head_bias)
    return Case(f"ends-{act}-{m}-{d}-{h}-{layers}-{o}-{biases}-{in_bias}-{head_bias}-{gate}",
                network, count + more)


def parallel(biases: str, mlp_biases: bool, o: int) -> Case:
    a = formula("k5")(2, 2, 1, 1, 1, 1, biases)
    return Case(
        f"parallel-{biases}-{mlp_biases}-{o}",
        stack(2, 2, 2, 1, 1, 2, 1, o=o, biases=biases, mlp_biases=mlp_biases, parallel=True),
        formula("k7", "parallel_redundancy")(
            1, a, 0, 2, True, o > 0, "o" in biases and mlp_biases))


def rotary_stack() -> Case:
    a = formula("k9", "rotary_scores")(3, 2, 1, (1,), 0) + formula("k5", "values")(2, 1, 1, 1, "")
    return Case(
        "rotary-swiglu",
        stack(3, 2, 2, 2, 1, 2, 1, o=2, act="silu", gate=True, angles=ANGLES[:1]),
        formula("k7")(1, a, 2, 2, True, True))


def post_norm(d: int, d_k: int, d_v: int, h: int, layers: int, heads: int = 1, biases: str = "",
              act: str = "gelu", eps: float = 1e-5) -> Case:
    a = formula("k5")(2, d, d_k, d_v, heads, 1, biases)
    return Case(
        f"post-{d}-{d_k}-{d_v}-{h}-{layers}-{heads}-{biases}-{act}-{eps}",
        post_stack(d, d, d_k, d_v, h, layers, d, heads=heads, biases=biases, act=act, eps=eps),
        formula("k12")(layers, a, 0, d, eps > 0))


def post_layer_norm(d: int, layers: int, heads: int = 1, h: int = 1) -> Case:
    """Proved from d = 4 and two blocks on, seen below."""
    a = formula("k5")(2, d, 1, 1, heads, 1, "qkvo")
    return Case(
        f"post-layer_norm-{d}-{layers}-{heads}-{h}",
        post_stack(d, d, 1, 1, h, layers, d, heads=heads, biases="qkvo", layer=True),
        formula("k14", "layer_norm_redundancy")(layers, a, (3 * heads, heads, h), d, d))


POST_NORM = [
    post_norm(2, 1, 1, 1, 1), post_norm(2, 1, 1, 1, 1, 1, "qkvo"), post_norm(2, 3, 1, 1, 1),
]
MORE_POST_NORM = [
    post_layer_norm(3, 1), post_layer_norm(4, 1), post_layer_norm(3, 2), post_layer_norm(4, 2),
    post_layer_norm(4, 1, 2, 2), post_layer_norm(4, 3, 1, 2),
    post_norm(2, 1, 1, 2, 2), post_norm(3, 1, 2, 1, 1), post_norm(2, 1, 1, 1, 1, 2),
    post_norm(3, 1, 1, 2, 1, 1, "v", "tanh"), post_norm(3, 1, 1, 2, 1, 1, "vo", "tanh"),
    post_norm(3, 2, 1, 2, 1), post_norm(2, 1, 1, 2, 1, eps=0.0), post_norm(2, 1, 1, 2, 2, eps=0.0),
]
STACKS = [
    rms_stack(2, 2, 2, 1, 1, 1, 1, 2), rms_stack(2, 3, 2, 3, 1, 2, 1, 2, act="tanh"),
    rms_stack(2, 2, 2, 1, 1, 2, 1, 0, 2, 1, "silu", True, 0.0), rotary_stack(),
    layer_norm_stack(2, 3, 1, 1, 2, 1, 2), layer_norm_stack(3, 3, 2, 1, 1, 1, 0, 2),
    plain("gelu", 3, 2, 2, 2, 3, True, True), plain("silu", 2, 2, 2, 2, 2, True, False, True),
    plain("gelu", 2, 2, 2, 2, 3, False, False), rms_stack(2, 3, 3, 1, 1, 2, 1, 1),
    ends("gelu", 1, 3, 2, 1, 3, True, False, False, True),
    ends("gelu", 2, 2, 1, 1, 1, True, False, True),
]
MORE_STACKS = [
    rms_stack(3, 2, 2, 2, 2, 1, 1, 3, 2, 2, "sigmoid", False, 0.0), parallel("o", True, 2),
    rms_stack(2, 3, 3, 1, 1, 2, 1, 1, act="tanh"), rms_stack(2, 3, 3, 1, 1, 2, 1, 2, eps=0.0),
    rms_stack(2, 4, 4, 1, 1, 2, 1, 2, act="silu", gate=True),
    rms_stack(2, 3, 3, 1, 1, 3, 1, 1, act="softplus"), rms_stack(2, 4, 4, 1, 1, 3, 1, 1),
    rms_stack(3, 3, 3, 1, 1, 2, 2, 1), ends("gelu", 1, 2, 2, 1, 2, True, False, False),
    ends("gelu", 1, 3, 2, 2, 3, True, True, True), ends("tanh", 2, 4, 1, 2, 4, False, False, False),
    ends("gelu", 2, 3, 1, 3, 3, True, True, True), ends("silu", 2, 2, 1, 1, 1, True, False, False),
    ends("gelu", 3, 3, 2, 2, 1, True, True, True), ends("tanh", 3, 3, 2, 1, 2, False, False, False),
    ends("gelu", 3, 3, 1, 1, 1, True, False, False, True),
    ends("sigmoid", 3, 3, 1, 1, 2, True, True, False),
    rms_stack(2, 2, 2, 1, 1, 2, 2, 2), rms_stack(2, 3, 3, 2, 1, 2, 1, 3, 1, 1, "silu", True),
    rms_stack(2, 2, 2, 1, 1, 2, 1, 0, act="softplus"), rms_stack(2, 3, 3, 1, 1, 1, 1, 3, eps=0.0),
    rms_stack(2, 2, 2, 1, 1, 1, 3, 2), rms_stack(2, 4, 4, 1, 2, 3, 1, 4, 2, 1, "gelu", True),
    layer_norm_stack(3, 3, 1, 1, 2, 1, 3, eps=0.0), layer_norm_stack(3, 3, 1, 1, 1, 2, 0),
    layer_norm_stack(3, 4, 1, 1, 1, 1, 3, 2), layer_norm_stack(4, 4, 1, 2, 2, 1, 4, eps=0.0),
    parallel("", True, 2), parallel("o", True, 0), plain("tanh", 2, 2, 1, 3, 2, True, False),
    plain("sigmoid", 4, 3, 2, 2, 3, True, True), plain("softplus", 3, 3, 1, 1, 3, False, False),
]

# -- K8: tokens ----------------------------------------------------------------------------------


def table(V: int, d: int, tied: bool, probabilities: bool) -> Case:
    return Case(
        f"lookup-{V}-{d}-{tied}-{probabilities}",
        lookup(V, d, tied=tied, probabilities=probabilities),
        formula("k8", "lookup_redundancy")(V, d, tied, probabilities))


def rms_tokens(V: int, *, tied: bool = False, positions: bool = False,
               probabilities: bool = False, eps: float = 1e-5, gain: bool = True) -> Case:
    options: dict[str, bool] = {
        "tied": tied, "positions": positions, "probabilities": probabilities, "gain": gain}
    return Case(
        f"rms-{V}-{'-'.join(k for k, v in options.items() if v)}-{eps}",
        token_stack(2, V, 2, 1, 1, 1, eps=eps, **options),
        formula("k8", "token_redundancy")(1 + 1 + 4, 2, eps=eps > 0, **options))


def layer_norm_tokens(V: int, d: int, *, tied: bool = False, positions: bool = False,
                      probabilities: bool = False, eps: float = 1e-5, beta: bool = True) -> Case:
    options: dict[str, bool] = {
        "tied": tied, "positions": positions, "probabilities": probabilities, "beta": beta}
    a = formula("k5")(2, d - 1, 1, 1, 1, 1, "qkvo")
    blocks = a + 4 * d + 3 + 1 + 1 + 1 + 2
    return Case(
        f"layer_norm-{V}-{d}-{'-'.join(k for k, v in options.items() if v)}-{eps}",
        token_stack(2, V, d, 1, 1, 1, layer=True, eps=eps, **options),
        formula("k8", "layer_norm_token_redundancy")(blocks, V, 2, d, eps=eps > 0, **options))


TOKENS = [
    table(4, 2, False, True), table(2, 3, False, True), table(2, 2, True, True),
    table(4, 2, True, False), rms_tokens(5), rms_tokens(6, positions=True, probabilities=True),
    rms_tokens(6, tied=True), rms_tokens(6, tied=True, gain=False),
    layer_norm_tokens(7, 4, tied=True, positions=True),
    layer_norm_tokens(7, 4, tied=True, positions=True, beta=False),
]
MORE_TOKENS = [
    layer_norm_tokens(7, 4, tied=True, positions=True, probabilities=True),
    *(table(V, d, tied, soft) for (V, d), tied, soft in product(
        ((3, 3), (5, 3), (3, 4)), (False, True), (False, True))),
    rms_tokens(8, tied=True, positions=True, probabilities=True, eps=0.0),
    rms_tokens(8, eps=0.0), rms_tokens(8, tied=True, eps=0.0, gain=False),
    rms_tokens(8, gain=False), layer_norm_tokens(7, 4), layer_norm_tokens(7, 4, positions=True),
    layer_norm_tokens(8, 3, positions=True, probabilities=True, eps=0.0),
    layer_norm_tokens(8, 4, tied=True, probabilities=True),
    layer_norm_tokens(8, 4, tied=True, positions=True, eps=0.0),
    layer_norm_tokens(7, 4, tied=True, beta=False),
    layer_norm_tokens(8, 4, tied=True, positions=True, beta=False, eps=0.0),
    layer_norm_tokens(8, 4, tied=True, probabilities=True, beta=False),
    layer_norm_tokens(7, 4, tied=True, positions=True, probabilities=True, beta=False),
    layer_norm_tokens(8, 5, tied=True, positions=True, beta=False),
]


@pytest.mark.parametrize(
    "case", [*LAYERS, *POWERS, *DEEP, *ATTENTION, *NORMS, *STACKS, *POST_NORM, *TOKENS],
    ids=named)
def test_the_count_is_the_rank(case: Case) -> None:
    agree(case)


@slow
@pytest.mark.parametrize(
    "case", [*MORE_LAYERS, *MORE_POWERS, *MORE_DEEP, *MORE_ATTENTION, *MORE_NORMS, *MORE_STACKS,
             *MORE_POST_NORM, *MORE_TOKENS], ids=named)
def test_the_count_is_the_rank_at_more_sizes(case: Case) -> None:
    agree(case)


# -- the false neighbours ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "claim, name, arguments",
    [
        ("k3", "redundancy", ("square", 2, 3, 2, False)),
        ("k3", "redundancy", ("sin", 2, 3, 2, False)),
        ("k3", "gated_redundancy", ("linear", 2, 2, 1, False)),
        ("k3", "gated_redundancy", ("relu", 1, 2, 1, False)),
        ("k4", "redundancy", (("relu",), (1, 1, 1), (True, True))),
        ("k5", "redundancy", (1, 3, 2, 2, 1, 1, "v")),
        ("k5", "sigmoid_redundancy", (1, 3, 2, 2, 1, 1)),
        ("k9", "rotary_scores", (3, 2, 1, (1, 1), 0)),
        ("k9", "rotary_scores", (2, 4, 1, (1, 1), 0)),
        ("k9", "rotary_scores", (2, 4, 1, (1,), 0, "k")),
        ("k9", "normed_scores", (2, 3, 1, 1, True, True)),
        ("k6", "layer_norm_redundancy", (2, 1, 1, True, True, True)),
        ("k7", "plain_redundancy", (1, 0, 2, False, True, False)),
        ("k7", "narrow_ends", (1, 1, 1, 1, 3, 3, True, False)),
        ("k7", "narrow_ends", (1, 1, 1, 3, 3, 1, True, False)),
        ("k11", "redundancy", (2, 2, 3, 3)),
        ("k11", "redundancy", (3, 3, 5, 2)),
        ("k11", "bilinear_redundancy", (2, 2, 2)),
    ],
)
def test_what_is_not_covered_is_refused(claim: str, name: str, arguments: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError):
        formula(claim, name)(*arguments)


OUTSIDE = [
    ("squares, h > d", deep("square", (2, 3, 2), False), 6, 3),
    ("squares, a defective case", deep("square", (4, 5, 3), False), 6, 5),
    ("bilinear, 2 h > d", gated("linear", 2, 2, 1, False), 7, 8),
    ("rotary, T = 2, 2 d_k > d + 1", attention(2, 4, 4, 1, angles=ANGLES[:2]), 6 + 1, 4 + 1),
    ("rotary, d_k > d, T <= d_k", attention(3, 2, 4, 1, angles=ANGLES[:2]), 5 + 1, 4 + 1),
    ("linear attention", attention(2, 2, 2, 1, kind="linear", causal=False), 6,
     formula("k5")(2, 2, 2, 1, 1, 1)),
    ("sigmoid, one token", attention(1, 2, 2, 1, kind="sigmoid", causal=False), 6, 5),
    ("normed queries, d_k > d", normed_attention(2, 2, 3, 1, 1, True, 1e-5), 9, 3 + 1),
    ("a stack, one token", stack(1, 2, 2, 1, 1, 2, 1, o=2), 12,
     formula("k7")(1, 2, 0, 2, True, True)),
    ("a stack, m < d", stack(2, 1, 2, 1, 1, 2, 1, o=2), 12,
     formula("k7")(1, 2, 0, 2, True, True)),
    ("post-norm without gains", post_stack(2, 2, 1, 1, 1, 1, 2, gains=False), 3,
     formula("k12")(1, 2, 0, 2, True)),
    ("V = 3", token_stack(2, 3, 2, 1, 1, 1), 10, formula("k8", "token_redundancy")(
        6, 2, tied=False, positions=False, probabilities=False, eps=True, gain=True)),
    ("tied LayerNorm, d = 3", token_stack(
        2, 9, 3, 1, 1, 1, layer=True, tied=True, positions=True), 27, 24 + 2),
]


@pytest.mark.parametrize(
    "network, there, formula_there", [case[1:] for case in OUTSIDE],
    ids=[case[0] for case in OUTSIDE])
def test_outside_the_number_is_another_one(
    network: Network, there: int, formula_there: int
) -> None:
    assert exact_redundancy(*network) == there != formula_there


def test_a_wrong_count_is_seen() -> None:
    """The planted fault: one direction too many or too few."""
    case = softmax(2, 3, 2, 2)
    for wrong in (case.expected - 1, case.expected + 1):
        with pytest.raises(AssertionError):
            agree(case._replace(expected=wrong))
