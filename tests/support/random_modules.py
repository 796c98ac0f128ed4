"""Random modules about which a false statement is easily made: rare branches, hidden identities.

A recipe is plain data: a source, stages (kind, number) and the form of the output. A number is
spent digit by digit on what there is to choose from, so that every number is a module. `draw(seed)`
is the recipe of a seed, and `factory(seed)` a TARGET.
"""

import math
import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

#: No recipe with more parameters is drawn.
MAX_PARAMETERS = 45
VOCABULARY = 4
WIDTH = 2
TOKENS = 3

Chosen = TypeVar("Chosen")


class Unfit(Exception):
    """The recipe is no module within the limits."""


class Choices:
    """A number, spent on choices one after another."""

    def __init__(self, number: int) -> None:
        self.left = number

    def of(self, options: Sequence[Chosen]) -> Chosen:
        """The next choice."""
        self.left, k = divmod(self.left, len(options))
        return options[k]


class Recipe(NamedTuple):
    """What comes in, the stages with their numbers, and what comes out."""

    source: str
    stages: tuple[tuple[str, int], ...]
    form: str


class Heads(NamedTuple):
    """Two outputs with names, as model outputs have them."""

    logits: Tensor
    value: Tensor


class RandomModule(nn.Module):
    """The module of a recipe. Parameters and buffers are made when they are first met."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe
        #: Functions that read parameters of this very module: a copy of it has the same ones.
        self.calls: dict[str, Callable[[Tensor], Tensor]] = {}
        self.train(any(kind == "batch_norm_training" for kind, _ in recipe.stages))
        self.complete = False
        with torch.no_grad():
            out = self.forward(*self.example())
        self.complete = True
        tensors = torch.utils._pytree.tree_leaves(out)
        if not all(bool(t.isfinite().all()) for t in tensors) or not self._parameters:
            raise Unfit("no finite function of parameters")

    def example(self) -> tuple[Tensor, ...]:
        """One example of the inputs."""
        generator = torch.Generator().manual_seed(1)
        if self.recipe.source.startswith("tokens"):
            return (torch.tensor([2, 0, 3]),)
        rows = 1 if self.recipe.source == "row" else TOKENS
        return (torch.randn(rows, WIDTH, generator=generator),)

    def _normal(self, shape: tuple[int, ...]) -> Tensor:
        generator = torch.Generator().manual_seed(len(self._parameters) + len(self._buffers))
        return torch.randn(shape, generator=generator)

    def weight(self, name: str, *shape: int) -> nn.Parameter:
        """The parameter of this name, made where it is not there yet."""
        if name not in self._parameters:
            if self.complete:
                raise KeyError(name)
            if sum(p.numel() for p in self.parameters()) + math.prod(shape) > MAX_PARAMETERS:
                raise Unfit("too many parameters")
            self.register_parameter(name, nn.Parameter(0.7 * self._normal(shape)))
        made = self._parameters[name]
        assert made is not None
        return made

    def constant(self, name: str, *shape: int) -> Tensor:
        """The buffer of this name: N(0, 1), made where it is not there yet."""
        if name not in self._buffers:
            self.register_buffer(name, self._normal(shape))
        made = self._buffers[name]
        assert made is not None
        return made

    def part(self, name: str, make: Callable[[], nn.Module]) -> nn.Module:
        """The submodule of this name, made where it is not there yet."""
        if name not in self._modules:
            made = make()
            made.train(self.training)
            size = sum(p.numel() for p in self.parameters())
            if size + sum(p.numel() for p in made.parameters()) > MAX_PARAMETERS:
                raise Unfit("too many parameters")
            # at generic values: neither gains of 1 nor biases of 0
            with torch.no_grad():
                for p in made.parameters():
                    p.copy_(0.7 * self._normal(tuple(p.shape)))
                for b in made.buffers():
                    if b.is_floating_point():
                        b.copy_(0.5 + self._normal(tuple(b.shape)).abs())
            self.add_module(name, made)
        found = self._modules[name]
        assert found is not None
        return found

    def forward(self, given: Tensor) -> Any:
        """The recipe, stage by stage."""
        h = SOURCES[self.recipe.source](self, given)
        for k, (kind, number) in enumerate(self.recipe.stages):
            h = STAGES[kind](self, f"s{k}_", h, Choices(number))
        return FORMS[self.recipe.form](self, h)


# -- sources -------------------------------------------------------------------------------------


def _plain_input(m: RandomModule, x: Tensor) -> Tensor:
    return x


def _tokens(m: RandomModule, ids: Tensor) -> Tensor:
    return F.embedding(ids, m.weight("table", VOCABULARY, WIDTH))


def _tokens_and_positions(m: RandomModule, ids: Tensor) -> Tensor:
    return torch.tanh(_tokens(m, ids) + m.weight("positions", TOKENS, WIDTH))


def _exponential_positions(m: RandomModule, ids: Tensor) -> Tensor:
    return torch.exp(_tokens(m, ids) + m.weight("positions", TOKENS, WIDTH))


def _padded(m: RandomModule, ids: Tensor) -> Tensor:
    """Padding is told from the ids, and is 0."""
    return _tokens(m, ids) * (ids != 1).unsqueeze(-1)


def _padded_positions(m: RandomModule, ids: Tensor) -> Tensor:
    """Positions are counted over what is no padding."""
    kept = (ids != 1).long()
    places = torch.cumsum(kept, 0) * kept
    return _tokens(m, ids) + F.embedding(places, m.weight("positions", TOKENS + 1, WIDTH))


def _end_of_text(m: RandomModule, ids: Tensor) -> Tensor:
    """The state at the largest id is added to all."""
    h = _tokens(m, ids)
    return h + h[ids.argmax()] * m.weight("end", WIDTH)


SOURCES: dict[str, Callable[[RandomModule, Tensor], Tensor]] = {
    "row": _plain_input,
    "rows": _plain_input,
    "tokens": _tokens,
    "tokens_positions": _tokens_and_positions,
    "tokens_exponential": _exponential_positions,
    "tokens_padded": _padded,
    "tokens_padded_positions": _padded_positions,
    "tokens_end": _end_of_text,
}


# -- stages --------------------------------------------------------------------------------------

Stage = Callable[[RandomModule, str, Tensor, Choices], Tensor]

ACTIVATIONS: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.tanh, F.relu, F.silu, F.gelu, torch.sigmoid, F.softplus, torch.exp, F.leaky_relu,
    torch.sin, lambda z: z * z,
)


def matrix(m: RandomModule, name: str, out: int, width: int, style: str = "plain") -> Tensor:
    """A matrix out x width, kept as a parameter of that shape, or of another."""
    if style == "transposed":
        return m.weight(name, width, out).T
    if style == "flat":
        return m.weight(name, out * width).view(out, width)
    if style == "columns":
        return m.weight(name, 1, width, out).permute(2, 1, 0).reshape(out, width)
    return m.weight(name, out, width)


STYLES = ("plain", "transposed", "flat", "columns")


def read(m: RandomModule, name: str, h: Tensor, out: int, bias: bool = False) -> Tensor:
    """A linear map of the last axis."""
    y = h @ matrix(m, name + "w", out, h.shape[-1]).T
    return y + m.weight(name + "b", out) if bias else y


def _linear(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    out, style, bias = c.of((2, 3)), c.of(STYLES), c.of((False, True))
    y = h @ matrix(m, k + "w", out, h.shape[1], style).T
    return y + m.weight(k + "b", out) if bias else y


def _activation(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    return c.of(ACTIVATIONS)(h)


def _layer(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    return _activation(m, k, _linear(m, k, h, c), c)


MAXIMA: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda a: a.amax(-1, keepdim=True),
    lambda a: F.max_pool1d(a[:, None], a.shape[1])[:, 0],
    lambda a: torch.linalg.vector_norm(a, math.inf, -1, keepdim=True),
    lambda a: -a.amin(-1, keepdim=True),
    lambda a: a.max(-1, keepdim=True).values,
    lambda a: torch.maximum(a[:, :1], a[:, 1:2]),
    lambda a: a.abs().amax(-1, keepdim=True),
)


def _rare_maximum(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """b(x) + (what is left of max a(x) above a threshold)."""
    largest = c.of(MAXIMA)(read(m, k + "a", h, 3, c.of((True, False))))
    t = c.of((6.0, 4.0, 8.0))
    guard = c.of((
        lambda z: F.relu(z - t),
        lambda z: F.hardshrink(z, t),
        lambda z: torch.where(z > t, z, torch.zeros_like(z)),
        lambda z: z.clamp(min=t),
        lambda z: F.relu(z - t) ** 2,
    ))
    return read(m, k + "b", h, 1, True) + guard(largest)


def _maximum_in_comparison(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """a x or b x, by comparison with the largest entry, which is read nowhere else."""
    t = c.of((2.2, 5.0, -3.0, -0.5))
    largest = c.of((
        lambda: h.amax(), lambda: h.amax(-1, keepdim=True), lambda: h.abs().amax()))()
    above = h > largest + t
    a, b = (m.weight(k + n, h.shape[1]) for n in "ab")
    return torch.where(above, a * h, b * h)


def _softplus_threshold(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Softplus with a threshold beside softplus without."""
    u = read(m, k + "u", h, c.of((1, 2)))
    t, beta = c.of((4.0, 6.0, 3.0)), c.of((1.0, 2.0))
    other = c.of((
        lambda: F.softplus(u, beta=beta), lambda: torch.log(1 + torch.exp(beta * u)) / beta))()
    first = F.softplus(u, beta=beta, threshold=t)
    return read(m, k + "a", first, 2) + read(m, k + "c", other, 2)


def _rare_threshold(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """u, and a function of u that is u or constant but for large u."""
    u = read(m, k + "u", h, c.of((1, 2)))
    t = c.of((3.0, 5.0))
    other = c.of((
        lambda: F.hardshrink(u, t), lambda: u.clamp(-t, t), lambda: F.hardtanh(u, -t, t),
        lambda: F.threshold(u, t, 0.0), lambda: F.relu(u - t), lambda: F.softshrink(u, t),
        lambda: torch.where(u.abs() < t, u, torch.tanh(u)), lambda: torch.minimum(u, 0 * u + t),
    ))()
    return read(m, k + "a", other, 2) + read(m, k + "c", u, 2)


CASTS: tuple[Callable[[Tensor], Tensor], ...] = (
    lambda z: z.long(), lambda z: z.bool(), lambda z: z.int(), torch.round, torch.floor,
    lambda z: z.long().to(z.dtype), lambda z: (z > 0.5).to(z.dtype), torch.trunc,
)


def _cast_of_parameter(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """b relu(w).long() beside a: w is read by its integer alone."""
    cast, factor = c.of(CASTS), c.of((3.0, 1.0))
    a, b, w = (m.weight(k + n, h.shape[1]) for n in "abw")
    return a * h + b * cast(F.relu(factor * w)) * h**2


def _cast_of_value(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """A linear map of integers that are made of the values."""
    cast = c.of(CASTS)
    u = c.of((F.relu, torch.abs, lambda z: z))(read(m, k + "u", h, 2) - c.of((0.0, 3.0)))
    return read(m, k + "a", h, 2) + read(m, k + "c", cast(u).to(h.dtype), 2)


def _offset_gain(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """A gain u + c w between what may be scaled on both sides."""
    offset, factor = c.of((1.0, 2.0, -1.0, 0.5)), c.of((1.0, -1.0, 2.0, 0.5))
    before = c.of(("nothing", "linear", "norm"))
    if before == "linear":
        h = read(m, k + "v", h, c.of((2, 3)))
    elif before == "norm":
        h = h * torch.rsqrt(h.pow(2).mean(-1, keepdim=True) + 0.01)
    w = m.weight(k + "g", h.shape[1])
    gain = offset + factor * w if c.of((True, True, False)) else (w + offset) * factor
    return read(m, k + "a", h * gain, 2, c.of((False, True)))


def _offset_matrix(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """A matrix 1 + W or W + c between linear maps."""
    h = read(m, k + "v", h, 2)
    square = m.weight(k + "m", 2, 2)
    offset = c.of((torch.eye(2, dtype=h.dtype), torch.ones(2, 2, dtype=h.dtype)))
    return read(m, k + "a", h @ (offset + c.of((1.0, -1.0, 0.5)) * square).T, 2)


def _square_root_pair(u: Tensor) -> list[Tensor]:
    q = u * u + 1
    return [torch.sqrt(2 * q), torch.sqrt(q)]


#: Functions of u that a hidden relation ties, with u and 1 among them or not.
PAIRS: tuple[Callable[[Tensor], list[Tensor]], ...] = (
    lambda u: [F.silu(u), F.silu(-u), u],
    lambda u: [torch.tanh(u), torch.sigmoid(2 * u)],
    lambda u: [torch.sin(u) ** 2, torch.cos(u) ** 2],
    lambda u: [F.gelu(u), F.gelu(-u), u],
    lambda u: [torch.exp(u), torch.exp(u / 2) ** 2],
    lambda u: [torch.exp(u), torch.exp(u / 3) ** 3],
    lambda u: [F.softplus(u), F.softplus(-u), u],
    lambda u: [torch.log2(u * u + 1), torch.log10(u * u + 1)],
    lambda u: [torch.sqrt(u * u + 1) ** 2, u * u],
    _square_root_pair,
    lambda u: [torch.erf(u), torch.special.erfc(u)],
    lambda u: [torch.sigmoid(u), torch.sigmoid(-u)],
    lambda u: [F.logsigmoid(u), F.softplus(-u)],
    lambda u: [torch.cosh(u), torch.sinh(u), torch.exp(-u)],
    lambda u: [torch.cos(2 * u), torch.sin(u) ** 2],
    lambda u: [F.relu(u), F.relu(-u), u],
    lambda u: [torch.exp(torch.log(u * u + 1)), u * u, torch.exp(u * u)],
    lambda u: [torch.exp(F.softplus(u)), torch.exp(u)],
    lambda u: [torch.log(u * u + 1), torch.log((u * u + 1) ** 2)],
    lambda u: [torch.exp(u), torch.expm1(u)],
    lambda u: [torch.softmax(torch.stack([u, -u]), 0)[0], torch.tanh(u)],
    lambda u: [F.elu(u), F.relu(u), torch.exp(-F.relu(-u))],
)


def _hidden_pair(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Functions of one value that a relation ties, each behind a linear map of its own."""
    pair = c.of(PAIRS)
    u = read(m, k + "u", h, c.of((1, 2)))
    terms = [read(m, k + "abc"[j], z, 2) for j, z in enumerate(pair(u))]
    return torch.stack(terms).sum(0) + m.weight(k + "d", 2)


def _cosine(u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    inner, uu, vv = ((p * q).sum(-1, keepdim=True) for p, q in ((u, v), (u, u), (v, v)))
    return inner / (torch.sqrt(uu) * torch.sqrt(vv)), inner / torch.sqrt(uu * vv)


#: Two functions of u and v that are multiples of one another, or equal.
SUMS: tuple[Callable[[Tensor, Tensor], tuple[Tensor, Tensor]], ...] = (
    lambda u, v: (torch.exp(u) * torch.exp(v), torch.exp(u + v)),
    lambda u, v: (torch.exp(u + v) / torch.exp(v), torch.exp(u)),
    lambda u, v: (
        torch.sin(u + v), torch.sin(u) * torch.cos(v) + torch.cos(u) * torch.sin(v)),
    lambda u, v: (torch.sigmoid(u - v), torch.softmax(torch.stack([u, v]), 0)[0]),
    lambda u, v: (torch.logaddexp(u, v), u + F.softplus(v - u)),
    lambda u, v: (torch.exp(u + v), torch.exp(u + v + 0.5)),
    _cosine,
)


def _hidden_sum(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """exp(u) exp(v) beside exp(u + v), and their like, behind linear maps."""
    first, second = c.of(SUMS)(read(m, k + "u", h, 2), read(m, k + "v", h, 2))
    return read(m, k + "a", first, 2) + read(m, k + "c", second, 2)


#: Values that are 0, of q > 0, p > 0 and u.
ZEROS: tuple[Callable[[Tensor, Tensor, Tensor], Tensor], ...] = (
    lambda q, p, u: torch.exp(torch.log(q)) - q,
    lambda q, p, u: torch.log(p * q) - torch.log(p) - torch.log(q),
    lambda q, p, u: torch.exp(F.softplus(u)) - torch.exp(u) - 1,
    lambda q, p, u: torch.log(q / p) + torch.log(p) - torch.log(q),
    lambda q, p, u: torch.log(torch.exp(q)) - q,
    lambda q, p, u: torch.sin(q) ** 2 + torch.cos(q) ** 2 - 1,
    lambda q, p, u: torch.sqrt(p * q) - torch.sqrt(p) * torch.sqrt(q),
    lambda q, p, u: torch.log(q) + torch.log(1 / q),
)
COMPANY: tuple[Callable[[Tensor], Tensor], ...] = (
    torch.exp, torch.sin, lambda q: torch.exp(-q), torch.cos, torch.erf, F.softplus, torch.tanh,
    lambda q: torch.exp(-q), lambda q: torch.cos(-q),
)


def _zero_of_parameters(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """a times a value of parameters that is 0, beside other functions of the same values."""
    a, u, v = (m.weight(k + n) for n in "auv")
    q, p = u**2 + 1, v**2 + 1
    zero, f = c.of(ZEROS)(q, p, u), c.of(COMPANY)
    third = c.of((lambda: f(p * q), lambda: f(1 + torch.exp(u)), lambda: p * q))()
    return a * zero * h + f(p) * h**2 + f(q) * h**3 + third * h**4


def _window(t: Tensor) -> Tensor:
    raw = torch.exp(-((t[:, None] - t[None]) ** 2) / 2)
    return raw / raw.sum(-1, keepdim=True)


#: Mixing matrices of the rows, of a buffer M and places t: those of which the rows sum to 1.
MIXINGS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda M, t: torch.softmax(M, -1),
    lambda M, t: _window(t),
    lambda M, t: M.abs() / M.abs().sum(-1, keepdim=True),
    lambda M, t: torch.softmax(M, -1) @ torch.softmax(M.T, -1),
    lambda M, t: torch.exp(M - torch.logsumexp(M, -1, keepdim=True)),
    lambda M, t: torch.log_softmax(M, -1).exp(),
    lambda M, t: F.normalize(M.exp(), p=1.0, dim=-1),
    lambda M, t: torch.cumsum(torch.softmax(M, -1), -1)[:, -1:] * torch.ones_like(M) / 3,
    lambda M, t: torch.stack([torch.cos(t) ** 2, torch.sin(t) ** 2, 0 * t], -1),
    lambda M, t: torch.stack([torch.sigmoid(t), torch.sigmoid(-t), 0 * t], -1),
    lambda M, t: (M - M.mean(-1, keepdim=True)) + 1 / 3,
    lambda M, t: F.interpolate(
        torch.eye(TOKENS, dtype=t.dtype)[None, None], size=(4, TOKENS), mode="bicubic")[0, 0],
)


def _mixing(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """b(K a(x)) with the rows of K, which buffers make, summing to 1."""
    if h.shape[0] != TOKENS:
        raise Unfit("one row is not mixed")
    t = torch.arange(TOKENS, dtype=h.dtype) * c.of((0.7, 1.0, 0.3))
    mixing = c.of(MIXINGS)(m.constant(k + "M", TOKENS, TOKENS).to(h.dtype), t)
    return read(m, k + "b", mixing @ read(m, k + "a", h, 1, True), 1, True)


#: Features of constants t that are linearly dependent.
FEATURES: tuple[Callable[[Tensor], list[Tensor]], ...] = (
    lambda t: [torch.ones_like(t), torch.cos(2 * t), torch.sin(t) ** 2, torch.cos(t) ** 2],
    lambda t: [torch.cos(t + 1), torch.cos(t), torch.sin(t)],
    lambda t: [torch.exp(t), torch.exp(t + 1), torch.exp(-t)],
    lambda t: [torch.log(t + 1), torch.log(2 * t + 2), torch.ones_like(t)],
    lambda t: [torch.sqrt(t + 1), torch.sqrt(2 * t + 2), torch.sqrt(t + 2)],
    lambda t: [torch.sigmoid(t), torch.tanh(t / 2), torch.ones_like(t)],
    lambda t: [torch.softmax(t, 0), torch.exp(t), t],
)


def _features(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Weights of features of constants that are dependent."""
    t = torch.arange(5, dtype=h.dtype) * c.of((0.7, 0.3, 1.1))
    table = torch.stack(c.of(FEATURES)(t), -1)
    mixed = table @ m.weight(k + "w", table.shape[1])
    return h[:, :1] * mixed if c.of((True, False)) else h.sum(-1, keepdim=True) ** 2 * mixed[:3]


def _rotation(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Rotations by fixed angles, of queries and keys: a rotary score."""
    if h.shape[0] != TOKENS:
        raise Unfit("one row has no other")
    angle = torch.arange(TOKENS, dtype=h.dtype) * c.of((1.0, 0.5))
    cos, sin = torch.cos(angle)[:, None], torch.sin(angle)[:, None]

    def turned(z: Tensor) -> Tensor:
        return torch.cat([cos * z[:, :1] - sin * z[:, 1:], sin * z[:, :1] + cos * z[:, 1:]], -1)

    scores = turned(read(m, k + "q", h, 2)) @ turned(read(m, k + "k", h, 2)).T
    return torch.softmax(scores, -1) @ read(m, k + "v", h, 2)


def _attention(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    if h.shape[0] != TOKENS:
        raise Unfit("one row has no other")
    size, bias = c.of((1, 2)), c.of((False, True))
    q, key, v = (read(m, k + n, h, size, bias) for n in "qkv")
    scores = q @ key.T
    if c.of((False, True)):
        # a softmax by hand: the maximum is there for floats alone
        weights = torch.exp(scores - scores.amax(-1, keepdim=True))
        return weights / weights.sum(-1, keepdim=True) @ v
    return torch.softmax(scores, -1) @ v


def _tied(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """One parameter in two places: transposed, reshaped, in parts, or scaled."""
    n = h.shape[1]
    w = m.weight(k + "w", n, n)
    act = c.of((torch.tanh, F.relu, lambda z: z, lambda z: z * z))
    second = c.of((
        lambda: w.T, lambda: w, lambda: 2 * w, lambda: w.reshape(-1).flip(0).reshape(n, n),
        lambda: w.view(n * n)[:n].expand(n, n), lambda: torch.cat([w[1:], w[:1]]),
    ))()
    y = act(h @ w.T) @ second
    return y if c.of((True, False)) else read(m, k + "a", y, 2)


def _closure(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """A parameter that is reached through a function, a captured tensor, or a hook."""
    style, act = c.of(("self", "tensor", "view", "hook")), c.of((torch.tanh, torch.sin, F.silu))
    if k not in m.calls:
        a = m.weight(k + "a", h.shape[1])
        # under double() a parameter stays itself, a view of it does not
        m.calls[k] = {
            "self": lambda z: m.weight(k + "a", z.shape[1]) * act(z),
            "tensor": lambda z: a * act(z),
            "view": lambda z: a.view(1, -1) * act(z),
            "hook": act,
        }[style]
        if style == "hook":
            m.part(k + "h", nn.Identity).register_forward_hook(
                lambda _, __, z: m.weight(k + "a", z.shape[1]) * z)
    y = m.calls[k](h)
    y = m.part(k + "h", nn.Identity)(y) if style == "hook" else y
    return read(m, k + "r", y, 2)


def _batch_norm(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Batch norm between linear maps; in training the bias before it is idle."""
    if h.shape[0] != TOKENS:
        raise Unfit("one row has no variance")
    y = read(m, k + "u", h, 2, c.of((True, False)))
    return read(m, k + "a", m.part(k + "n", lambda: nn.BatchNorm1d(2))(y), 2)


def _group_norm(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    y = read(m, k + "u", h, 4, c.of((True, False)))
    return read(m, k + "a", m.part(k + "n", lambda: nn.GroupNorm(c.of((2, 1)), 4))(y), 2)


def _norm(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Norms before a linear map, also of one entry and without epsilon."""
    kind = c.of(("layer", "rms", "layer_one", "rms_zero", "plain"))
    width = 1 if kind == "layer_one" else 3
    y = read(m, k + "u", h, width, c.of((True, False)))
    if kind.startswith("layer"):
        y = m.part(k + "n", lambda: nn.LayerNorm(width))(y)
    elif kind == "plain":
        y = F.layer_norm(y, (width,))
    else:
        square = y.pow(2).mean(-1, keepdim=True) + (0.0 if kind == "rms_zero" else 0.1)
        y = y * torch.rsqrt(square) * m.weight(k + "g", width)
    return read(m, k + "a", y, 2)


def _relu_twice(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Linear, ReLU, ReLU, linear; or units that are dead or always on at many points."""
    y = F.relu(read(m, k + "u", h, 2, True))
    y = c.of((F.relu, lambda z: F.relu(z - 2.0), lambda z: F.relu(read(m, k + "v", z, 2, True)),
              lambda z: F.relu(z + 2.0)))(y)
    return read(m, k + "a", y, 2, c.of((False, True)))


def _norm_relu(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """A pre-norm ReLU block with a residual: poor cells are common."""
    u = m.part(k + "n", lambda: nn.LayerNorm(h.shape[1]))(h)
    return h + read(m, k + "b", F.relu(read(m, k + "a", u, 2, True)), h.shape[1], True)


def _routing(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """The best of three experts, by a softmax; weights made anew or not."""
    count = c.of((1, 2))
    p = torch.softmax(read(m, k + "r", h, 3), -1)
    top, index = torch.topk(p, count, -1)
    if c.of((True, False)):
        top = top / top.sum(-1, keepdim=True)
    gate = torch.zeros_like(p).scatter(-1, index, top)
    experts = torch.stack([read(m, f"{k}e{j}", h, 2) for j in range(3)], -1)
    return (experts * gate[:, None]).sum(-1)


def _accident(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Values that are equal where a branch or a root is asked which."""
    y = read(m, k + "u", h, 2)
    q = y * y + 1
    root = torch.sqrt(torch.tensor(2.0, dtype=h.dtype)) * torch.sqrt(q)
    return read(m, k + "a", c.of((
        lambda: torch.maximum(y, y), lambda: torch.sqrt(2 * q) - root, lambda: F.layer_norm(
            y[:, :1], (1,)), lambda: torch.minimum(y, y + 0.0), lambda: (y - y).abs() + y,
    ))(), 2, True)


def _sign(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """A parameter that is read in a comparison alone."""
    t = m.weight(k + "t", h.shape[1])
    factor = torch.where(t > 0, 1.0, -1.0) if c.of((True, False)) else torch.sign(t).to(h.dtype)
    return read(m, k + "a", h * factor, 2, True)


def _gated(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    act = c.of((F.silu, torch.sigmoid, F.relu, lambda z: z))
    return read(m, k + "a", act(read(m, k + "g", h, 2)) * read(m, k + "u", h, 2), 2)


def _parametrised(m: RandomModule, k: str, h: Tensor, c: Choices) -> Tensor:
    """Rows of a matrix by their length and direction."""
    bias = c.of((True, False))

    def make() -> nn.Module:
        linear = nn.Linear(h.shape[1], 2, bias=bias)
        return nn.utils.parametrizations.weight_norm(linear)

    y = c.of((torch.tanh, F.relu))(m.part(k + "n", make)(h))
    return read(m, k + "a", y, 2)


#: Stages of which something false was said, or may be.
SPECIAL: dict[str, Stage] = {
    "rare_maximum": _rare_maximum,
    "maximum_in_comparison": _maximum_in_comparison,
    "softplus_threshold": _softplus_threshold,
    "rare_threshold": _rare_threshold,
    "cast_of_parameter": _cast_of_parameter,
    "cast_of_value": _cast_of_value,
    "offset_gain": _offset_gain,
    "offset_matrix": _offset_matrix,
    "hidden_pair": _hidden_pair,
    "hidden_sum": _hidden_sum,
    "zero_of_parameters": _zero_of_parameters,
    "mixing": _mixing,
    "features": _features,
    "rotation": _rotation,
    "attention": _attention,
    "tied": _tied,
    "closure": _closure,
    "batch_norm": _batch_norm,
    "batch_norm_training": _batch_norm,
    "group_norm": _group_norm,
    "norm": _norm,
    "relu_twice": _relu_twice,
    "norm_relu": _norm_relu,
    "routing": _routing,
    "accident": _accident,
    "sign": _sign,
    "gated": _gated,
    "parametrised": _parametrised,
}
PLAIN: dict[str, Stage] = {"linear": _linear, "activation": _activation, "layer": _layer}
STAGES: dict[str, Stage] = SPECIAL | PLAIN


# -- forms of the output -------------------------------------------------------------------------


def _two_heads(m: RandomModule, h: Tensor) -> tuple[Tensor, Tensor]:
    return read(m, "left", h, 2), read(m, "right", h, 1, True)


def _named(first: str, second: str) -> Callable[[RandomModule, Tensor], Any]:
    def form(m: RandomModule, h: Tensor) -> Any:
        left, right = _two_heads(m, h)
        return {first: left, second: right}
    return form


def _nested(m: RandomModule, h: Tensor) -> Any:
    left, right = _two_heads(m, h)
    return {"heads": {"logits": left}, "more": [right]}


def _tied_head(m: RandomModule, h: Tensor) -> Tensor:
    if "table" not in m._parameters:
        raise Unfit("no table")
    return h @ m.weight("table", VOCABULARY, h.shape[1]).T


def _model_output(m: RandomModule, h: Tensor) -> Any:
    """Of a model's output that has logits, those alone count."""
    from transformers.modeling_outputs import CausalLMOutput

    logits, value = _two_heads(m, h)
    return CausalLMOutput(logits=logits, hidden_states=(value,))


FORMS: dict[str, Callable[[RandomModule, Tensor], Any]] = {
    "tensor": lambda m, h: h,
    "read": lambda m, h: read(m, "out", h, 2),
    "logits_and_value": _named("logits", "value"),
    "hidden_and_pooled": _named("last_hidden_state", "pooled"),
    "other_names": _named("first", "second"),
    "logits_and_features": lambda m, h: {"logits": read(m, "out", h, 2), "features": h},
    "tuple": lambda m, h: _two_heads(m, h),
    "named_tuple": lambda m, h: Heads(*_two_heads(m, h)),
    "nested": _nested,
    "tied_head": _tied_head,
    "model_output": _model_output,
}


# -- drawing -------------------------------------------------------------------------------------


def draw(seed: int, kind: str = "") -> Recipe:
    """The recipe of a seed; of a kind: with that stage, source or form in it."""
    rng = random.Random(f"{seed} {kind}")
    while True:
        found = _drawn(rng)
        words = {found.source, found.form, *(k for k, _ in found.stages)}
        if kind and kind not in words:
            if kind not in STAGES | SOURCES | FORMS:
                raise KeyError(kind)
            continue
        try:
            RandomModule(found)
        except Unfit:
            continue
        return found


def _drawn(rng: random.Random) -> Recipe:
    sources = list(SOURCES)
    source = rng.choice(["row", "rows"] if rng.random() < 0.7 else sources)
    number = rng.randrange
    stages = [(rng.choice(list(SPECIAL)), number(10**6))]
    if rng.random() < 0.35:
        stages.insert(0, (rng.choice(list(PLAIN)), number(10**6)))
    if rng.random() < 0.25:
        stages.append((rng.choice(list(STAGES)), number(10**6)))
    form = "tensor" if rng.random() < 0.6 else rng.choice(list(FORMS))
    return Recipe(source, tuple(stages), form)


def factory(seed: int = 0, kind: str = "") -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module of a seed and its example: a TARGET."""
    module = RandomModule(draw(seed, kind))
    return module, module.example()
