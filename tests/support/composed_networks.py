"""Random small networks composed of pieces, for the converse sweep: `composed(seed)` is one.

Where swept_networks.py varies architectures, here pieces stand behind one another in any order:
maps with or without biases, units, gates, products of a line with itself, norms, averages of
tokens, skips around any of them, maps that are read twice or transposed, constants, sums over
tokens, parts of a line, several outputs side by side. The widths of a network are letters;
`sizes` draws their values, so that one network stands at several sizes.
"""

import random
from dataclasses import dataclass
from typing import Any

import torch
from known_networks import KnownNetwork
from torch import Tensor, nn

LETTERS = "mdhko"
SMOOTH = ("tanh", "sigmoid", "silu", "gelu", "softplus")
UNITS = (*SMOOTH, "exp", "relu", "square", "cube", "leaky_relu")

FUNCTIONS = ("silu", "gelu", "softplus", "relu", "leaky_relu")


@dataclass(frozen=True)
class Composed:
    """The widths of parameters in letters, the lines of a function of p and x, its input."""

    shapes: tuple[tuple[str, tuple[str, ...]], ...]
    lines: tuple[str, ...]
    tokens: bool
    rows: int

    @property
    def text(self) -> str:
        """The network as it is printed."""
        shapes = " ".join(f"{n}:{'x'.join(s)}" for n, s in self.shapes)
        return f"{shapes} | {'; '.join(self.lines)} | {self.rows} rows"


def rms(z: Tensor, eps: float) -> Tensor:
    square = (z * z).mean(-1, keepdim=True)
    return z * torch.rsqrt(square + eps if eps else square)


def layer(z: Tensor, eps: float) -> Tensor:
    return rms(z - z.mean(-1, keepdim=True), eps)


def mix(q: Tensor, k: Tensor, v: Tensor, heads: int, groups: int, how: str) -> Tensor:
    """Heads of queries, groups of keys and values; `how`: softmax, causal, sigmoid, rotary."""
    t = len(q)
    q, k, v = (y.reshape(t, n, -1).transpose(0, 1) for y, n in (
        (q, heads), (k, groups), (v, groups)))
    if "rotary" in how:
        q, k = turned(q), turned(k)
    k, v = (y.repeat_interleave(heads // groups, dim=0) for y in (k, v))
    scores = q @ k.transpose(1, 2)
    if "causal" in how:
        scores = scores.masked_fill(~torch.ones(t, t, dtype=torch.bool).tril(), -torch.inf)
    weights = torch.sigmoid(scores) if "sigmoid" in how else torch.softmax(scores, -1)
    return (weights @ v).transpose(0, 1).reshape(t, -1)


def turned(y: Tensor) -> Tensor:
    angles = torch.arange(y.shape[-2], dtype=y.dtype)[:, None] * torch.tensor(
        [1.0, 0.37][:y.shape[-1] // 2], dtype=y.dtype)
    a, b = y.chunk(2, dim=-1)
    cos, sin = torch.cos(angles), torch.sin(angles)
    return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)


class _Writer:
    """Draws the pieces of one network."""

    def __init__(self, seed: int) -> None:
        self.r = random.Random(seed)
        self.shapes: dict[str, tuple[str, ...]] = {}
        self.lines: list[str] = []
        self.rows = self.r.choice((2, 3, 3))
        #: How often a piece is out of place: a map read again, a constant, a part of a line.
        self.odd = self.r.choice((0.0, 0.0, 0.1, 0.25))
        self.norms = self.r.choice(("rms", "layer")), self.r.choice((0, 0, 0.5))
        self.act = self.r.choice((*SMOOTH, *SMOOTH, *UNITS))
        self.biased = self.r.choice((0.0, 0.5, 1.0))

    def line(self, text: str) -> str:
        name = f"y{len(self.lines)}"
        self.lines.append(f"{name} = {text}")
        return name

    def parameter(self, stem: str, *shape: str) -> str:
        """A parameter of a shape, now and then one that is there already."""
        known = [n for n, s in self.shapes.items() if s == shape and n[0] == stem[0]]
        if known and self.r.random() < self.odd:
            return f"p.{self.r.choice(known)}"
        name = f"{stem}{len(self.shapes)}"
        self.shapes[name] = shape
        return f"p.{name}"

    def linear(self, z: str, a: str, b: str) -> str:
        turned = [n for n, s in self.shapes.items() if s == (b, a)]
        if turned and self.r.random() < self.odd:
            made = f"{z} @ p.{self.r.choice(turned)}.T"
        else:
            made = f"{z} @ {self.parameter('W', a, b)}"
        if self.r.random() < self.biased:
            made += f" + {self.parameter('b', b)}"
        return self.line(made)

    def other(self, a: str) -> str:
        return self.r.choice([x for x in "dhk" if x != a])

    def units(self, z: str, a: str) -> tuple[str, str]:
        h = self.other(a)
        u = self.linear(z, a, h)
        if self.r.random() < self.odd:
            u = self.twisted(u, h)
        return self.line(f"{self.activation()}({u})"), h

    def activation(self) -> str:
        return self.r.choice(UNITS) if self.r.random() < self.odd else self.act

    def gates(self, z: str, a: str) -> tuple[str, str]:
        h = self.other(a)
        g, u = self.linear(z, a, h), self.linear(z, a, h)
        if self.r.random() < self.odd:
            u = self.r.choice((g, u))
        kind = g if self.r.random() < 0.15 else f"{self.activation()}({g})"
        return self.line(f"{kind} * {u}"), h

    def norm(self, z: str, a: str) -> str:
        kind, eps = self.norms
        y = self.line(f"{kind}({z}, {eps})")
        if self.r.random() < 0.6:
            y = self.line(f"{y} * {self.parameter('g', a)}")
        if self.r.random() < 0.5 * self.biased:
            y = self.line(f"{y} + {self.parameter('c', a)}")
        return y

    def heads(self, z: str, a: str) -> tuple[str, str]:
        """Widths of heads are letters times their number: hk and ho stand for two heads."""
        heads, groups = self.r.choice(((1, 1), (1, 1), (2, 1), (2, 2)))
        how = self.r.choice(("softmax", "causal", "causal", "sigmoid", "causal rotary"))
        key = self.r.choice("224") if "rotary" in how else "k"
        widths = [key, key, "h"]
        q, k, v = (self.linear(z, a, _times(n, x)) for n, x in zip(
            (heads, groups, groups), widths, strict=True))
        y = self.line(f"mix({q}, {k}, {v}, {heads}, {groups}, '{how}')")
        return y, _times(heads, "h")

    def twisted(self, z: str, a: str) -> str:
        """A line changed without a map."""
        return self.line(self.r.choice((
            f"{z} * 0.5", f"-{z}", f"{z} + 1", f"{z} + torch.arange({z}.shape[-1]) / 3",
            f"{z} * (torch.arange({z}.shape[-1]) + 1)", f"{z} + {z}.sum(0, keepdim=True)",
            f"{z} * {z}", f"{z} * {self.parameter('s', a)}", f"{z} + {self.parameter('b', a)}",
            f"{z} - {z}.mean(-1, keepdim=True)", f"{z}.flip(-1)", f"{z} * {z}.sum(0, keepdim=True)",
            f"{z} * (torch.arange({self.rows})[:, None] + 1)", f"{z}.cumsum(0)",
            f"{z} + {self.parameter('P', str(self.rows), a)}", f"{self.activation()}({z})")))

    def block(self, z: str, a: str) -> tuple[str, str]:
        """One piece behind a line of width a: the line and its width."""
        return self.r.choice((self.units, self.units, self.gates, self.heads))(z, a)

    def stream(self, z: str, a: str) -> str:
        """A block behind a skip, or two side by side."""
        parts = []
        normed = self.r.random() < 0.7
        n = self.norm(z, a) if normed else z
        for _ in range(self.r.choice((1, 1, 1, 2))):
            y, b = self.block(n, a)
            parts.append(self.linear(y, b, a))
            if self.r.random() < self.odd:
                n = self.norm(z, a)
        skip = z if self.r.random() >= self.odd else self.twisted(z, a)
        total = self.line(" + ".join((skip, *parts)))
        return self.norm(total, a) if self.r.random() < self.odd else total

    def plain(self, z: str, a: str) -> tuple[str, str]:
        z, b = self.block(z, a)
        if self.r.random() < 0.4:
            c = self.other(b[-1])
            z, b = self.linear(z, b, c), c
            if self.r.random() < 0.4:
                z = self.norm(z, b)
        return z, b

    def outputs(self, z: str, a: str, normed: bool) -> None:
        end = self.r.random() * (0.8 if normed else 1)
        if end < self.odd / 2:
            first, second = self.linear(z, a, "o"), self.linear(z, a, "d")
            z = self.line(f"torch.cat([{first}, {second}], -1)")
        elif end < 0.8:
            z = self.linear(z, a, "o")
        if self.r.random() < self.odd:
            z = self.line(self.r.choice((
                f"{z}.sum(0, keepdim=True)", f"{z}[-1:]", f"{z}.mean(0, keepdim=True)",
                f"{z}[:, :2]")))
        if self.r.random() < 0.15:
            z = self.line(f"torch.log_softmax({z}, -1)")
        self.lines.append(f"return {z}")


def composed(seed: int) -> Composed:
    """The network of a seed."""
    w = _Writer(seed)
    r = w.r
    tokens = r.random() < 0.15
    z, a, ends = "x", "m", False
    if tokens:
        w.shapes["E"] = ("V", "d")
        z, a = w.line("nn.functional.embedding(x, p.E)"), "d"
        if r.random() < 0.4:
            z = w.line(f"{z} + {w.parameter('P', str(w.rows), a)}")
    elif r.random() < 0.7:
        z, a = w.linear(z, a, "d"), "d"
    if tokens or r.random() < 0.6:
        for _ in range(r.choice((1, 1, 2))):
            z = w.stream(z, a)
        ends = r.random() < 0.5
        if ends:
            z = w.norm(z, a)
    else:
        for _ in range(r.choice((1, 1, 2))):
            z, a = w.plain(z, a)
    if tokens and ends and r.random() < 0.4:
        w.lines.append(f"return {z} @ p.E.T")
    else:
        w.outputs(z, a, ends)
    shapes = tuple(w.shapes.items())
    return Composed(shapes, tuple(w.lines), tokens, w.rows)


def sizes(network: Composed, seed: int) -> dict[str, int]:
    """Values of the letters; the vocabulary is as large as a converse of tokens may ask."""
    r = random.Random(seed)
    found = {x: r.randint(1, 4) for x in LETTERS}
    if r.random() < 0.7:
        # a stream that spans, and is read out whole
        found["d"] = r.randint(2, 3)
        found["m"], found["o"] = (r.randint(found["d"], 4) for _ in "mo")
    others = sum(_count(s, found) for n, s in network.shapes if n != "E")
    found["V"] = network.rows * (others + 1) + found["d"] + 1
    return found


def _count(shape: tuple[str, ...], values: dict[str, int]) -> int:
    total = 1
    for x in shape:
        total *= _width(x, values)
    return total


def _times(heads: int, width: str) -> str:
    """A width times a number: 8, or 2h."""
    if width.isdigit():
        return str(heads * int(width))
    return width if heads == 1 else f"{heads}{width}"


def _width(x: str, values: dict[str, int]) -> int:
    if x.isdigit():
        return int(x)
    return values[x[-1]] * int(x[:-1] or 1)


def build(network: Composed, values: dict[str, int]) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module at these sizes, and one example."""
    shapes = " ".join(f"{n}:{'x'.join(str(_width(x, values)) for x in s)}"
                      for n, s in network.shapes)
    known: dict[str, Any] = {
        "torch": torch, "nn": nn, "rms": rms, "layer": layer, "mix": mix,
        "square": lambda z: z**2, "cube": lambda z: z**3, "exp": torch.exp, "tanh": torch.tanh,
        "sigmoid": torch.sigmoid,
        **{n: getattr(nn.functional, n) for n in FUNCTIONS}}
    source = "\n    ".join(("def formula(p, x):", *network.lines))
    exec(compile(source, "<composed>", "exec"), known)  # noqa: S102
    rows = network.rows
    example = (torch.arange(rows) % values["V"] if network.tokens else
               torch.randn((rows, values["m"]), generator=torch.Generator().manual_seed(1)))
    return KnownNetwork(shapes, known["formula"]), (example,)
