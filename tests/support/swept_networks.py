"""Random small networks for the converse sweep: chains, units, norms, attention, streams; twists.

`recipe(seed)` is plain data, `build(recipe)` the module and an example. Sizes are small and on both
sides of every bound; a twist breaks what a converse rests on (ties, a gain on the skip, a block
that reads another line, a stream without a bias here and there).
"""

import random
from typing import Any

import torch
from drawn_module import Drawn
from torch import Tensor, nn

KINDS = ("chain", "units", "gated", "norm", "attention", "stream", "stream", "stream", "tokens")
SMOOTH = ("tanh", "sigmoid", "silu", "gelu", "softplus", "sin")
ACTIVATIONS = (*SMOOTH, "exp", "relu", "leaky_relu", "square", "cube")
TWISTS = (
    "tie", "post_norm", "layer_scale", "reads_input", "double_skip", "gain_on_skip", "scaled_skip",
    "constant", "negated", "shared_bias", "shared_gain", "no_skip", "two_readers", "tie_layers",
    "pool",
)
Recipe = dict[str, Any]


def recipe(seed: int) -> Recipe:
    """The recipe of a seed."""
    r = random.Random(seed)
    kind = r.choice(KINDS)
    data: Recipe = {
        "kind": kind, "seed": seed, "d": r.randint(1, 4), "m": r.randint(1, 4),
        "o": r.randint(1, 4), "h": r.randint(1, 4), "layers": r.randint(1, 3),
        "act": r.choice(ACTIVATIONS), "biases": [r.random() < 0.5 for _ in range(16)],
        "tokens": r.randint(2, 4), "heads": r.randint(1, 2), "groups": r.randint(1, 2),
        "dk": r.choice((1, 2, 2, 3, 4)), "dv": r.randint(1, 3), "causal": r.random() < 0.6,
        "norm": r.choice(("none", "rms", "layer")), "eps": r.choice((0.0, 1e-2)),
        "gain": r.random() < 0.7, "beta": r.random() < 0.4, "rotary": r.random() < 0.25,
        "qk_norm": r.random() < 0.15, "scores": r.choice(("softmax",) * 4 + ("sigmoid",)),
        "head": r.choice(("raw", "linear", "norm")), "input": r.choice(("raw", "linear")),
        "blocks": r.choice((("mlp",), ("att",), ("att", "mlp"), ("mlp", "mlp"), ("both",),
                            ("att", "mlp", "mlp"))),
        "mlp": r.choice(("act", "act", "gated")), "probabilities": r.random() < 0.2,
        "positions": r.random() < 0.3, "vocabulary": r.randint(3, 6),
        "twist": r.choice(TWISTS) if r.random() < 0.25 else "",
    }
    if kind == "stream":
        data["d"] = max(data["d"], 2 if r.random() < 0.9 else 1)
        if r.random() < 0.7:
            data["act"] = r.choice(SMOOTH)
        if r.random() < 0.6:
            data["m"] = max(data["m"], data["d"])
            data["o"] = max(data["o"], data["d"] + data["probabilities"])
    return data


def act(name: str, z: Tensor) -> Tensor:
    """An activation by name."""
    if name == "square":
        return z**2
    if name == "cube":
        return z**3
    if name in ("relu", "leaky_relu", "silu", "gelu", "softplus"):
        found: Tensor = getattr(nn.functional, name)(z)
        return found
    made: Tensor = getattr(torch, name)(z)
    return made


class Net(Drawn):
    """The module of a recipe."""

    def example(self) -> tuple[Tensor, ...]:
        """One example of the input."""
        data = self.data
        g = torch.Generator().manual_seed(1)
        if data["kind"] == "tokens":
            return (torch.arange(data["vocabulary"]),)
        width = data["d"] if data["kind"] == "stream" and data["input"] == "raw" else data["m"]
        return (torch.randn(data["tokens"], width, generator=g),)

    def linear(self, name: str, x: Tensor, out: int, bias: bool) -> Tensor:
        y = x @ self.p(f"W_{name}", out, x.shape[-1]).T
        return y + self.p(f"b_{name}", out) if bias else y

    def bias(self, k: int) -> bool:
        return bool(self.data["biases"][k % 16])

    def norm(self, name: str, z: Tensor) -> Tensor:
        data, eps = self.data, self.data["eps"]
        if data["norm"] == "none":
            return z
        if data["norm"] == "layer":
            z = z - z.mean(-1, keepdim=True)
        square = (z * z).mean(-1, keepdim=True)
        y = z * torch.rsqrt(square + eps if eps else square)
        if data["twist"] == "shared_gain":
            name = "n"
        if data["gain"]:
            y = y * self.p(f"g_{name}", z.shape[-1])
        return y + self.p(f"beta_{name}", z.shape[-1]) if data["beta"] else y

    def rotate(self, x: Tensor) -> Tensor:
        n = x.shape[-1]
        if n % 2:
            return x
        angles = torch.arange(x.shape[-2], dtype=x.dtype)[:, None] * torch.tensor(
            [1.0, 0.37][:n // 2], dtype=x.dtype)
        a, b = x.chunk(2, dim=-1)
        cos, sin = torch.cos(angles), torch.sin(angles)
        return torch.cat([a * cos - b * sin, a * sin + b * cos], dim=-1)

    def rms(self, name: str, x: Tensor) -> Tensor:
        square = (x * x).mean(-1, keepdim=True)
        y = x * torch.rsqrt(square + self.data["eps"])
        return y * self.p(name, x.shape[-1]) if self.data["gain"] else y

    def attention(self, name: str, x: Tensor, out: int, k: int) -> Tensor:
        data = self.data
        groups = data["groups"]
        heads = data["heads"] * groups
        t = x.shape[0]

        def split(y: Tensor, n: int) -> Tensor:
            return y.reshape(t, n, -1).transpose(0, 1)

        q = split(self.linear(f"q{name}", x, heads * data["dk"], self.bias(k)), heads)
        key = split(self.linear(f"k{name}", x, groups * data["dk"], self.bias(k + 1)), groups)
        v = split(self.linear(f"v{name}", x, groups * data["dv"], self.bias(k + 2)), groups)
        if data["qk_norm"]:
            q, key = self.rms(f"gq{name}", q), self.rms(f"gk{name}", key)
        if data["rotary"]:
            q, key = self.rotate(q), self.rotate(key)
        key, v = (y.repeat_interleave(data["heads"], dim=0) for y in (key, v))
        scores = q @ key.transpose(1, 2)
        if data["scores"] == "sigmoid":
            weights = torch.sigmoid(scores)
        else:
            if data["causal"]:
                visible = torch.ones(t, t, dtype=torch.bool).tril()
                scores = scores.masked_fill(~visible, float("-inf"))
            weights = torch.softmax(scores, dim=-1)
        mixed = (weights @ v).transpose(0, 1).reshape(t, -1)
        return self.linear(f"o{name}", mixed, out, self.bias(k + 3))

    def units(self, name: str, x: Tensor, out: int, k: int) -> Tensor:
        data = self.data
        name = "" if data["twist"] == "tie_layers" else name
        h = data["h"]
        if data["mlp"] == "gated" or data["kind"] == "gated":
            g = self.linear(f"g{name}", x, h, self.bias(k))
            u = self.linear(f"u{name}", x, h, self.bias(k + 1))
            y = (g if data["act"] == "cube" else act(data["act"], g)) * u
        else:
            u = self.linear(f"a{name}", x, h, self.bias(k))
            y = act(data["act"], u)
            if data["twist"] == "negated":
                y = y + act(data["act"], -u)
        return self.linear(f"w{name}", y, out, self.bias(k + 2))

    def forward(self, x: Tensor) -> Tensor:
        data = self.data
        made: Tensor = getattr(self, data["kind"])(x)
        if data["twist"] == "pool":
            made = made.sum(0, keepdim=True)
        return torch.log_softmax(made, dim=-1) if data["probabilities"] else made

    def chain(self, x: Tensor) -> Tensor:
        for k in range(self.data["layers"]):
            x = self.linear(str(k), x, (self.data["h"], self.data["d"], self.data["h"])[k],
                            self.bias(k))
        if self.data["gain"]:
            x = x * self.p("g", x.shape[-1])
        return self.linear("out", x, self.data["o"], self.bias(5))

    def plain(self, x: Tensor) -> Tensor:
        data = self.data
        for k in range(data["layers"]):
            last = k == data["layers"] - 1
            x = self.units(str(k), x, data["o"] if last else data["d"], 3 * k)
            if not last:
                x = self.norm(str(k), x) if data["norm"] != "none" and self.bias(k) else x
                x = act(data["act"], x) if self.bias(k + 7) else x
        return x

    def gated(self, x: Tensor) -> Tensor:
        return self.plain(x)

    def norm_between(self, x: Tensor) -> Tensor:
        data = self.data
        z = self.linear("0", x, data["d"], self.bias(0))
        y = self.norm("n", z)
        return self.linear("1", y, data["o"], self.bias(1))

    def attention_alone(self, x: Tensor) -> Tensor:
        return self.attention("0", x, self.data["o"], 0)

    def stream(self, x: Tensor) -> Tensor:
        data = self.data
        z = x if data["input"] == "raw" else self.linear("in", x, data["d"], self.bias(0))
        if data["positions"]:
            z = z + self.p("P", data["tokens"], data["d"])
        if data["twist"] == "constant":
            z = z + torch.arange(data["tokens"])[:, None] / 3
        start = z
        for k, block in enumerate(data["blocks"]):
            n = z if data["twist"] == "reads_input" and k else z
            n = self.norm(str(k), start if data["twist"] == "reads_input" else n)
            parts = []
            if block in ("att", "both"):
                parts.append(self.attention(str(k), n, data["d"], 5 * k))
            if block in ("mlp", "both"):
                parts.append(self.units(str(k), n, data["d"], 5 * k + 2))
            y = sum(parts)
            assert isinstance(y, Tensor)
            if data["twist"] == "layer_scale":
                y = y * self.p(f"s{k}", data["d"])
            if data["twist"] == "gain_on_skip":
                z = z * self.p(f"s{k}", data["d"])
            if data["twist"] == "scaled_skip":
                z = z * 0.5
            if data["twist"] == "double_skip" and k:
                z = z + start
            z = y if data["twist"] == "no_skip" else z + y
            if data["twist"] == "post_norm":
                z = self.norm(f"post{k}", z)
        if data["head"] == "raw":
            return z
        if data["head"] == "norm":
            z = self.norm("last", z)
        y = self.linear("head", z, data["o"], self.bias(15))
        if data["twist"] == "two_readers":
            y = torch.cat([y, self.linear("head2", z, data["o"], False)], dim=-1)
        return y

    def tokens(self, x: Tensor) -> Tensor:
        data = self.data
        table = self.p("E", data["vocabulary"], data["d"])
        z = nn.functional.embedding(x, table)
        if data["layers"] > 1:
            z = self.linear("0", z, data["h"], False)
        if data["twist"] == "tie" and data["layers"] == 1:
            return z @ table.T
        return self.linear("out", z, data["o"], self.bias(0))


for _kind, _method in (("units", "plain"), ("norm_", "norm_between")):
    setattr(Net, f"_{_kind}", getattr(Net, _method))


def build(data: Recipe) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module and one example."""
    methods = {"units": "plain", "norm": "norm_between", "attention": "attention_alone"}
    made = Net({**data, "kind": data["kind"]}) if data["kind"] not in methods else Net(
        {**data, "kind": methods[data["kind"]]})
    return made, made.example()
