"""One function written in several ways: the same families, by the same names.

Each kind of spelling is read inside the same small network; what the structural deriver states of
it (label, group, dimension, how each tensor moves) is compared with the first spelling's.
"""

import math
from collections.abc import Callable
from typing import Any

import pytest
import torch
from structural_referee import wrong_families
from torch import Tensor, nn
from torch.nn import functional as F

from symgauge.capture import capture
from symgauge.patterns import rewritten
from symgauge.derivation.module import derive
from symgauge.statements.statement import structural_statement
from symgauge.derivers.structural import find, instantiate
from symgauge.program.network import Network
from symgauge.program.serial import network_to_json

D, EPS = 4, 1e-5


def statements(network: Network) -> tuple[list[Any], list[Any]]:
    """What is stated of the slices and of the families, in their order."""
    found = find(network)
    shapes = {p.name: p.shape for p in network.parameters}
    slices = [structural_statement(s.family, shapes) for s, _ in found.slices]
    return slices, [structural_statement(s.family, shapes) for s in found.families]


# -- norms -----------------------------------------------------------------------------------------

Norm = Callable[[Tensor], Tensor]


def _centred(x: Tensor) -> Tensor:
    return x - x.mean(-1, keepdim=True)


def _var_mean(x: Tensor) -> Tensor:
    variance, mean = torch.var_mean(x, -1, correction=0, keepdim=True)
    return (x - mean) * torch.rsqrt(variance + EPS)


def _moments(x: Tensor) -> Tensor:
    mean = x.mean(-1, keepdim=True)
    variance = (x * x).mean(-1, keepdim=True) - mean * mean
    return (x - mean) / torch.sqrt(variance + EPS)


def _sums(x: Tensor) -> Tensor:
    mean = (x.sum(-1) / D)[..., None]
    return (x - mean) / (((x - mean) ** 2).sum(-1, keepdim=True) / D + EPS) ** 0.5


LAYER_NORMS: dict[str, Norm] = {
    "F.layer_norm": lambda x: F.layer_norm(x, (D,), eps=EPS),
    "variance": lambda x: _centred(x) / torch.sqrt(x.var(-1, unbiased=False, keepdim=True) + EPS),
    "rsqrt of a mean square": lambda x: _centred(x) * torch.rsqrt(
        (_centred(x) ** 2).mean(-1, keepdim=True) + EPS),
    "pow(2).mean, pow(-1/2)": lambda x: _centred(x) * (
        _centred(x).pow(2).mean(-1, keepdim=True) + EPS).pow(-0.5),
    "var_mean": _var_mean,
    "E[x^2] - E[x]^2": _moments,
    "sums": _sums,
    "einsum": lambda x: _centred(x) / (
        torch.einsum("td,td->t", _centred(x), _centred(x)) / D + EPS).sqrt()[:, None],
    "centred by a matrix": lambda x: (lambda c: c / torch.sqrt(
        (c * c).mean(-1, keepdim=True) + EPS))(
            x @ (torch.eye(D) - torch.full((D, D), 1 / D)).to(x.dtype)),
    "of what is centred": lambda x: F.layer_norm(_centred(x), (D,), eps=EPS),
    "a norm, divided by the root of d": lambda x: _centred(x) / torch.sqrt(
        _centred(x).norm(dim=-1, keepdim=True) ** 2 / D + EPS),
    "RMS norm of what is centred": lambda x: F.rms_norm(_centred(x), (D,), eps=EPS),
    "of twice the line, and a larger sum": lambda x: 2 * _centred(x) * torch.rsqrt(
        4 * x.var(-1, unbiased=False, keepdim=True) + 4 * EPS),
}

#: Functions that are near to a layer norm, and are none.
NO_LAYER_NORMS: dict[str, Norm] = {
    "epsilon outside the root": lambda x: _centred(x) / (
        x.std(-1, correction=0, keepdim=True) + EPS),
    "unbiased": lambda x: _centred(x) / torch.sqrt(x.var(-1, keepdim=True) + EPS),
    "mean over the tokens": lambda x: (x - x.mean(0, keepdim=True)) / torch.sqrt(
        x.var(-1, unbiased=False, keepdim=True) + EPS),
    "variance over all": lambda x: _centred(x) / torch.sqrt(x.var(correction=0) + EPS),
    "mean square in place of the variance": lambda x: _centred(x) / torch.sqrt(
        (x * x).mean(-1, keepdim=True) + EPS),
    "a root of the sum of both": lambda x: _centred(x) / torch.sqrt(
        (x * x).mean(-1, keepdim=True) + x.mean(-1, keepdim=True) ** 2 + EPS),
    "half the mean": lambda x: (x - x.mean(-1, keepdim=True) / 2) / torch.sqrt(
        x.var(-1, unbiased=False, keepdim=True) + EPS),
    "variance of the next token": lambda x: _centred(x) / torch.sqrt(
        x.var(-1, unbiased=False, keepdim=True).flip(0) + EPS),
    "mean of the square root": lambda x: _centred(x) / torch.sqrt(
        x * x + EPS).mean(-1, keepdim=True),
    "times the root": lambda x: _centred(x) * torch.sqrt(
        x.var(-1, unbiased=False, keepdim=True) + EPS),
    "squared entries": lambda x: _centred(x * x) / torch.sqrt(
        x.var(-1, unbiased=False, keepdim=True) + EPS),
}

RMS_NORMS: dict[str, Norm] = {
    "F.rms_norm": lambda x: F.rms_norm(x, (D,), eps=EPS),
    "rsqrt": lambda x: x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + EPS),
    "quotient": lambda x: x / torch.sqrt((x * x).mean(-1, keepdim=True) + EPS),
    "einsum": lambda x: x / (torch.einsum("td,td->t", x, x) / D + EPS).sqrt()[:, None],
    "matmul": lambda x: x / torch.sqrt(
        (x[:, None] @ x[:, :, None])[:, 0] / D + EPS),
    "square of a norm": lambda x: x / torch.sqrt(x.norm(dim=-1, keepdim=True) ** 2 / D + EPS),
    "sum, pow": lambda x: (x * x).sum(-1, keepdim=True).div(D).add(EPS).pow(-0.5) * x,
    "reciprocal": lambda x: x * (x.square().mean(-1, keepdim=True) + EPS).sqrt().reciprocal(),
}

#: Without epsilon.
RMS_NORMS_0: dict[str, Norm] = {
    "F.rms_norm": lambda x: F.rms_norm(x, (D,), eps=0.0),
    "norm over sqrt(d)": lambda x: x / (x.norm(dim=-1, keepdim=True) / math.sqrt(D)),
    "sqrt(d) times a unit vector": lambda x: math.sqrt(D) * x / torch.linalg.vector_norm(
        x, dim=-1, keepdim=True),
    "quotient": lambda x: x / torch.sqrt((x * x).mean(-1, keepdim=True)),
}


class Stream(nn.Module):
    """Two tokens embedded, a residual MLP behind a norm, a norm and a linear head."""

    def __init__(self, norm: Norm) -> None:
        super().__init__()
        self.norm = norm
        self.embed = nn.Embedding(3, D)
        self.gain, self.bias = nn.Parameter(torch.randn(D)), nn.Parameter(torch.randn(D))
        self.last = nn.Parameter(torch.randn(D))
        self.up, self.down = nn.Linear(D, 3), nn.Linear(3, D)
        self.head = nn.Linear(D, 2)

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.embed(tokens)
        x = x + self.down(torch.relu(self.up(self.norm(x) * self.gain + self.bias)))
        return self.head(self.norm(x) * self.last)


def of_norm(norm: Norm) -> Network:
    return capture(Stream(norm), (torch.tensor([0, 2]),)).network


@pytest.mark.parametrize("name", NO_LAYER_NORMS)
def test_no_layer_norm(name: str) -> None:
    assert all(n.label != "standardise" for n in of_norm(NO_LAYER_NORMS[name]).nodes)


@pytest.mark.parametrize("norms", [LAYER_NORMS, RMS_NORMS, RMS_NORMS_0])
def test_one_program(norms: dict[str, Norm]) -> None:
    """Up to the order of the lines, a gain's say."""
    found = [sorted(str((n.label, n.shape, n.attrs)) for n in of_norm(x).nodes)
             for x in norms.values()]
    assert all(lines == found[0] for lines in found)


def _over(x: Tensor, axes: int | tuple[int, ...], of: Tensor | None = None) -> Tensor:
    """x less its mean, over the deviation of another line (of x)."""
    y = x if of is None else of
    variance = ((y - y.mean(axes, keepdim=True)) ** 2).mean(axes, keepdim=True)
    return (x - x.mean(axes, keepdim=True)) / torch.sqrt(variance + EPS)


#: A function of a line, its shape, and the axes that it standardises; none where it does not.
SHAPES: dict[str, tuple[Norm, tuple[int, ...], list[tuple[int, ...]]]] = {
    "the first axis": (lambda x: _over(x, 0), (3, 4), [(0,)]),
    "all axes": (lambda x: _over(x, (0, 1)), (3, 4), [(0, 1)]),
    "outer axes": (lambda x: _over(x, (0, 2)), (2, 3, 4), [(0, 2)]),
    "unit axes": (lambda x: _over(x, -1), (1, 4, 1, 3), [(3,)]),
    "groups": (lambda x: _over(x.view(2, 2, 3), -1).reshape(2, 6), (2, 6), [(2,)]),
    "twice": (lambda x: _over(_over(x, -1), -1), (3, 4), [(1,), (1,)]),
    "of minus the line": (lambda x: -_over(-x, -1), (3, 4), [(1,)]),
    "times the line": (lambda x: x * _over(x, -1), (3, 4), [(1,)]),
    "one entry": (lambda x: _over(x, -1), (3, 1), []),
    "means of other rows": (lambda x: (x - x.mean(-1)) / torch.sqrt(
        x.var(-1, unbiased=False, keepdim=True) + EPS), (3, 3), []),
    "variances of other rows": (lambda x: (x - x.mean(-1, keepdim=True)) / torch.sqrt(
        x.var(-1, unbiased=False) + EPS), (3, 3), []),
    "of the transpose": (lambda x: _over(x.mT, -1, of=x), (3, 3), []),
    "of the first row": (lambda x: _over(x, -1, of=x[:1]), (3, 4), []),
    "epsilon below 0": (lambda x: (x - x.mean(-1, keepdim=True)) * torch.rsqrt(
        x.var(-1, unbiased=False, keepdim=True) - 1e-9), (3, 4), []),
}


class Scaled(nn.Module):
    """A function of an input times a parameter."""

    def __init__(self, function: Norm, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.function, self.w = function, nn.Parameter(torch.randn(shape))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x * self.w)


@pytest.mark.parametrize("name", SHAPES)
def test_axes(name: str) -> None:
    torch.manual_seed(0)
    function, shape, axes = SHAPES[name]
    network = capture(Scaled(function, shape), (torch.randn(shape),)).network
    assert [n.attrs["axes"] for n in network.nodes if n.label == "standardise"] == axes


# -- rotary tables ---------------------------------------------------------------------------------

HEAD = 4
Rotary = Callable[[Tensor, Tensor, Tensor], Tensor]


def _rotate_half(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = torch.cat([-x[..., HEAD // 2:], x[..., :HEAD // 2]], -1)
    return x * torch.cat([cos, cos], -1) + turned * torch.cat([sin, sin], -1)


def _split_halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], -1)


def _viewed_halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.unflatten(-1, (2, HEAD // 2)).unbind(-2)
    return torch.stack([a * cos - b * sin, b * cos + a * sin], -2).flatten(-2)


def _matrix_halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """x R(t), a constant matrix for each position."""
    c, s = torch.diag_embed(cos), torch.diag_embed(sin)
    matrix = torch.cat([torch.cat([c, s], -1), torch.cat([-s, c], -1)], -2)
    return (x[..., None, :] @ matrix)[..., 0, :]


def _einsum_halves(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    c, s = torch.diag_embed(cos), torch.diag_embed(sin)
    matrix = torch.cat([torch.cat([c, s], -1), torch.cat([-s, c], -1)], -2)
    return torch.einsum("htd,tde->hte", x, matrix)


def _rolled(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    signed = torch.cat([-sin, sin], -1)
    return x * torch.cat([cos, cos], -1) + torch.roll(x, HEAD // 2, -1) * signed


def _neighbours(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x[..., ::2], x[..., 1::2]
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).flatten(-2)


def _repeated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    turned = torch.stack([-x[..., 1::2], x[..., ::2]], -1).flatten(-2)
    return x * cos.repeat_interleave(2, -1) + turned * sin.repeat_interleave(2, -1)


def _viewed(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.unflatten(-1, (HEAD // 2, 2)).unbind(-1)
    return torch.stack([a * cos - b * sin, a * sin + b * cos], -1).reshape(x.shape)


def _matrix_pairs(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Each pair as a row times a matrix of its own."""
    matrix = torch.stack([torch.stack([cos, sin], -1), torch.stack([-sin, cos], -1)], -2)
    pairs = x.unflatten(-1, (HEAD // 2, 1, 2))
    return (pairs @ matrix).flatten(-3)


HALVES: dict[str, Rotary] = {
    "rotate_half": _rotate_half, "halves, cat": _split_halves, "viewed, stack": _viewed_halves,
    "a matrix": _matrix_halves, "einsum": _einsum_halves, "roll": _rolled,
}
PAIRS: dict[str, Rotary] = {
    "neighbours, stack": _neighbours, "repeated table": _repeated, "viewed": _viewed,
    "a matrix for each pair": _matrix_pairs,
}


def _as_halves(x: Tensor) -> Tensor:
    """Neighbours (2k, 2k + 1) at (k, k + n/2)."""
    return x.unflatten(-1, (HEAD // 2, 2)).mT.reshape(x.shape)


#: Neighbours that come out as halves.
CARRIED: dict[str, Rotary] = {
    "neighbours, cat": lambda x, cos, sin: (lambda a, b: torch.cat(
        [a * cos - b * sin, a * sin + b * cos], -1))(x[..., ::2], x[..., 1::2]),
    "viewed, then halves": lambda x, *table: _rotate_half(_as_halves(x), *table),
    "neighbours, then viewed": lambda x, *table: _as_halves(_neighbours(x, *table)),
}


class Attention(nn.Module):
    """Two heads on a table of positions: q, k, v, o without bias.

    The table is a buffer; or cosines and sines that the module computes, which are read exactly.
    """

    def __init__(
        self, rotary: Rotary | None = None,
        attend: Callable[[Tensor, Tensor, Tensor], Tensor] | None = None, computed: bool = False,
    ) -> None:
        super().__init__()
        self.computed = computed
        self.rotary, self.attend = rotary, attend or F.scaled_dot_product_attention
        self.q, self.k, self.v = (nn.Linear(3, 2 * HEAD, bias=False) for _ in range(3))
        self.o = nn.Linear(2 * HEAD, 2, bias=False)
        self.register_buffer("frequencies", torch.tensor([1.0, 0.25]))
        self.cos, self.sin = self.table()

    def table(self) -> tuple[Tensor, Tensor]:
        angles = torch.outer(torch.arange(3.0, dtype=torch.float64), self.frequencies.double())
        return angles.cos(), angles.sin()

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (f(x).view(3, 2, HEAD).transpose(0, 1) for f in (self.q, self.k, self.v))
        if self.rotary is not None:
            table = self.table() if self.computed else (self.cos, self.sin)
            q, k = (self.rotary(t, *table) for t in (q, k))
        return self.o(self.attend(q, k, v).transpose(0, 1).reshape(3, 2 * HEAD))


def of_rotary(rotary: Rotary) -> Network:
    return capture(Attention(rotary), (torch.randn(3, 3),)).network


def of_computed(rotary: Rotary) -> Network:
    return capture(Attention(rotary, computed=True), (torch.randn(3, 3),)).network


def _for_one(one: Rotary, other: Rotary) -> Rotary:
    """Queries turned one way, keys another."""
    state: list[int] = []

    def turn(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        state.append(0)
        return (one if len(state) % 2 else other)(x, cos, sin)

    return turn


#: What is near to a rotary table, and turns no pairs, or other pairs for queries than for keys.
NO_ROTARY: dict[str, Rotary] = {
    "reflections": lambda x, cos, sin: _viewed(x * torch.tensor([1.0, -1.0] * 2), cos, sin),
    "one cosine of a pair": lambda x, cos, sin: _rotate_half(x, cos, sin) + torch.cat(
        [x[..., :2] * cos, torch.zeros_like(x[..., 2:])], -1),
    "sines of one sign": lambda x, cos, sin: x * torch.cat([cos, cos], -1) + torch.roll(
        x, 2, -1) * torch.cat([sin, sin], -1),
    "the next entry": lambda x, cos, sin: x * torch.cat([cos, cos], -1) + torch.roll(
        x, 1, -1) * torch.cat([-sin, sin], -1),
    "halves and neighbours": _for_one(_matrix_halves, _neighbours),
    "neighbours as halves, and neighbours": _for_one(CARRIED["neighbours, cat"], _neighbours),
    "halves of neighbours, and halves": _for_one(CARRIED["viewed, then halves"], _rotate_half),
    "a matrix that shears": lambda x, cos, sin: x @ torch.tensor(
        [[1.0, 0, 1, 0], [0, 1, 0, 1], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=x.dtype),
}


@pytest.mark.parametrize("name", NO_ROTARY)
def test_no_rotary(name: str) -> None:
    network = of_rotary(NO_ROTARY[name])
    found = find(network)
    assert all(not s.family.kind.commutes_with_turns for s in found.families)
    assert wrong_families(network, instantiate(found)) == []


def _mixed(rotary: Rotary) -> Rotary:
    """The second pair by a quarter turn less: a table of cosines and sines in one place."""
    return lambda x, cos, sin: rotary(
        x, torch.stack([cos[:, 0], sin[:, 1]], -1), torch.stack([sin[:, 0], -cos[:, 1]], -1))


def test_pairs_that_come_out_elsewhere() -> None:
    """They are no one line where they are not rewritten."""
    network = of_computed(_mixed(CARRIED["neighbours, cat"]))
    found = find(network)
    assert all(x.law != "rotary" for x in found.structure.lines.values())
    assert wrong_families(network, instantiate(found)) == []


@pytest.mark.parametrize(
    "rotary", [_matrix_halves, _neighbours, _rolled, *CARRIED.values()])
@pytest.mark.parametrize("read", [of_rotary, of_computed])
def test_pairs_are_turned_and_scaled(
    rotary: Rotary, read: Callable[[Rotary], Network]
) -> None:
    network = read(rotary)
    found = find(network)
    (turned,) = (s.family for s in found.families if s.family.kind.commutes_with_turns)
    assert turned.dimension == 8  # two heads, two pairs
    assert wrong_families(network, instantiate(found)) == []


# -- attention -------------------------------------------------------------------------------------

Attend = Callable[[Tensor, Tensor, Tensor], Tensor]


def _causal(scores: Tensor) -> Tensor:
    return scores.masked_fill(torch.ones(3, 3).triu(1).bool(), -math.inf)


def _einsum(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = torch.einsum("hqd,hkd->hqk", q, k) / math.sqrt(HEAD)
    return torch.einsum("hqk,hkd->hqd", _causal(scores).softmax(-1), v)


def _by_hand(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    scores = _causal(q @ k.mT * HEAD ** -0.5)
    weights = torch.exp(scores - scores.amax(-1, keepdim=True))
    return weights @ v / weights.sum(-1, keepdim=True)


def _bmm(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    mask = torch.zeros(3, 3).masked_fill(torch.ones(3, 3).triu(1).bool(), -math.inf)
    scores = torch.baddbmm(mask.to(q.dtype).expand(2, 3, 3), q / 2, k.transpose(1, 2))
    return torch.bmm(F.softmax(scores, -1), v)


ATTENTIONS: dict[str, Attend] = {
    "sdpa": lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True),
    "sdpa, four axes": lambda q, k, v: F.scaled_dot_product_attention(
        q[None], k[None], v[None], is_causal=True)[0],
    "sdpa, a mask": lambda q, k, v: F.scaled_dot_product_attention(
        q, k, v, attn_mask=torch.ones(3, 3).tril().bool()),
    "matmul, softmax": lambda q, k, v: _causal(q @ k.transpose(-1, -2) / 2).softmax(-1) @ v,
    "einsum": _einsum,
    "exp over its sum": _by_hand,
    "bmm": _bmm,
}


def of_attention(attend: Attend) -> Network:
    return capture(Attention(None, attend), (torch.randn(3, 3),)).network


SPELLINGS: dict[str, tuple[Callable[[Any], Network], dict[str, Any]]] = {
    "layer norm": (of_norm, LAYER_NORMS), "RMS norm": (of_norm, RMS_NORMS),
    "RMS norm without epsilon": (of_norm, RMS_NORMS_0), "halves": (of_rotary, HALVES),
    "neighbours": (of_rotary, PAIRS), "halves, computed": (of_computed, HALVES),
    "neighbours, computed": (of_computed, PAIRS), "carried": (of_rotary, {**CARRIED, **PAIRS}),
    "carried, computed": (of_computed, {**CARRIED, **PAIRS}),
    "attention": (of_attention, ATTENTIONS),
}


@pytest.mark.parametrize("kind", SPELLINGS)
def test_what_is_rewritten_stays(kind: str) -> None:
    read, spellings = SPELLINGS[kind]
    for x in list(spellings.values())[:2]:
        network = read(x)
        assert network_to_json(rewritten(network)) == network_to_json(network)


@pytest.mark.parametrize("kind", SPELLINGS)
def test_the_same_statements(kind: str) -> None:
    torch.manual_seed(0)
    read, spellings = SPELLINGS[kind]
    (_, first), *others = spellings.items()
    wanted = statements(read(first))
    assert wanted[1]
    different = [name for name, x in others if statements(read(x)) != wanted]
    assert different == []


#: The first and the last spelling of each kind, as modules.
DERIVED: dict[str, Callable[[Any], nn.Module]] = {
    "layer norm": Stream, "RMS norm": Stream, "halves": Attention, "neighbours": Attention,
    "attention": lambda attend: Attention(None, attend),
}


@pytest.mark.parametrize("kind", DERIVED)
def test_the_same_derivation(kind: str) -> None:
    example = (torch.tensor([0, 2]),) if DERIVED[kind] is Stream else (torch.randn(3, 3),)
    said = []
    for x in [*SPELLINGS[kind][1].values()][::len(SPELLINGS[kind][1]) - 1]:
        torch.manual_seed(0)
        found = derive(DERIVED[kind](x), example)
        families = [
            {k: g[k] for k in ("label", "group", "algebra", "dimension", "tensors", "formula")}
            for g in found.data["generators"]]
        said.append((found.verdict, found.redundancy, found.algebra, families))
    assert said[0] == said[1] and said[0][-1]
