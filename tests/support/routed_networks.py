"""Random small networks with mixtures of experts, and with rows cut, for the converse sweep.

A stream of free inputs with blocks of experts, attention and units, before a head or none, or
experts alone, in a stack or a list; sizes on both sides of the bounds. A twist breaks what a
converse rests on: some rows of a line alone are read, experts that read another row, weights of
other experts, a stack for two blocks, a choice by other numbers.
"""

import random
from typing import Any

import torch
from expert_networks import GATES
from swept_networks import Net, Recipe, act
from swept_networks import recipe as swept
from torch import Tensor, nn

TWISTS = ("last row", "last row", "first row", "last rows", "first row inside", "another row",
          "other weights", "one stack", "other choice", "one place", "read twice", "scaled",
          "row of positions")


def recipe(seed: int) -> Recipe:
    """The recipe of a seed."""
    r = random.Random(seed)
    data = swept(seed)
    d = r.choice((1, 2, 2, 2, 2, 3))
    data |= {
        "kind": "stream", "d": d, "m": max(1, d - (r.random() < 0.1)), "tokens": r.randint(2, 3),
        "o": max(1, d + r.choice((-1, 0, 0, 0, 0, 0, 1))), "h": r.choice((1, 2, 2)),
        "count": min(r.choice((2, 3, 3, 3, 4)), d + 1 + (r.random() < 0.1)),
        "gates": r.choice((*GATES[:2] * 4, *GATES[2:])), "act": r.choice(("silu", "gelu", "tanh")),
        "up": r.random() < 0.6, "router bias": r.random() < 0.3, "heads": 1, "groups": 1,
        "norm": r.choice(("rms", "rms", "layer", "none")), "eps": 0.0 if r.random() < 0.1 else 1e-2,
        "gain": r.random() < 0.7, "beta": r.random() < 0.3, "qk_norm": False, "rotary": False,
        "scores": "softmax", "dk": r.choice((1, 2)), "dv": 2, "probabilities": False,
        "blocks": r.choice((("experts",),) * 4 + (
            ("att", "experts"), ("experts", "experts"), ("experts", "mlp"), ("both",), ("att",),
            ("att", "mlp"))),
        "mlp": r.choice(("act", "gated")), "alone": r.random() < 0.2, "positions": False,
        "list": r.random() < 0.6, "head": r.choice(("raw", "linear", "norm", "norm")),
        "input": r.choice(("raw", "linear")),
        "twist": r.choice(TWISTS) if r.random() < 0.4 else "", "causal": r.random() < 0.5,
    }
    if data["twist"] == "last row":
        data |= {"causal": r.random() < 0.8, "blocks": r.choice((
            ("att",), ("att", "mlp"), ("att", "att"), ("att", "experts"), ("mlp", "att", "mlp")))}
        data |= {"heads": r.choice((1, 2)), "dv": r.choice((1, 2, 3)), "rotary": r.random() < 0.2}
    data["chosen"] = min(r.choice((1, 2, 2, 2, 3)), data["count"])
    if data["input"] == "raw":
        data["m"] = d
    return data


class Routed(Net):
    """The module of a recipe."""

    def experts(self, name: str, x: Tensor, out: int) -> Tensor:
        """sum_e p_e E_e of each row."""
        data = self.data
        twist, count, chosen = data["twist"], data["count"], data["chosen"]
        name = "" if twist == "one stack" else name
        logits = self.linear(f"r{name}", x, count, data["router bias"])
        gates = data["gates"]
        scores = torch.sigmoid(logits) if gates.startswith("sig") else torch.softmax(logits, -1)
        value, index = torch.topk(scores, chosen, dim=-1)
        if twist == "other choice":
            index = torch.topk(-logits, chosen, dim=-1).indices
            value = torch.gather(scores, -1, index)
        if gates.endswith("chosen"):
            value = value / value.sum(-1, keepdim=True)
        if twist == "other weights":
            value = value.flip(-1)
        rows = (x.flip(0) if twist == "another row" else x).repeat_interleave(chosen, 0)[:, None]
        flat, width = index.reshape(-1), x.shape[-1]
        y = act(data["act"], rows @ self.p(f"G{name}", count, width, data["h"])[flat])
        if data["up"]:
            y = y * (rows @ self.p(f"U{name}", count, width, data["h"])[flat])
        y = (y @ self.p(f"V{name}", count, data["h"], out)[flat])[:, 0]
        y = (y * value.reshape(-1)[:, None]).reshape(len(x), chosen, out)
        found: Tensor = y[:, :1].sum(1) if twist == "one place" else y.sum(1)
        return found

    def listed(self, x: Tensor, out: int) -> Tensor:
        """The same of experts that are lines of their own, all of them or the largest."""
        data = self.data
        count, chosen, relu = data["count"], data["chosen"], data["act"] == "tanh"
        each = []
        for e in range(count):
            u = self.linear(f"W{e}", x, data["h"], data["up"])
            each.append(self.linear(
                f"V{e}", torch.relu(u) if relu else act(data["act"], u), out, False))
        scores = torch.softmax(self.linear("r", x, count, data["router bias"]), -1)
        if data["gates"] != GATES[0]:
            value, index = torch.topk(scores, chosen, dim=-1)
            if data["gates"] == GATES[1]:
                value = value / value.sum(-1, keepdim=True)
            scores = torch.zeros_like(scores).scatter(-1, index, value)
        if data["twist"] == "other weights":
            scores = scores.flip(-1)
        return torch.einsum("be,beo->bo", scores, torch.stack(each, 1))

    def block(self, k: int, kind: str, n: Tensor) -> Tensor:
        """What a block adds."""
        d, parts = n.shape[-1], []
        if kind in ("experts", "both"):
            parts.append(self.experts(str(k), n, d))
        if kind in ("att", "both"):
            parts.append(self.attention(str(k), n, d, 5 * k))
        if kind == "mlp":
            parts.append(self.units(str(k), n, d, 5 * k + 2))
        return sum(parts[1:], parts[0])

    def stream(self, x: Tensor) -> Tensor:
        data, twist = self.data, self.data["twist"]
        z = x if data["input"] == "raw" else self.linear("in", x, data["d"], self.bias(0))
        if twist == "row of positions":
            z = z + self.p("P", 3, data["d"])[:1]
        if data["alone"] and data["list"]:
            return self.cut(self.listed(z, data["o"]))
        if data["alone"]:
            return self.cut(self.experts("0", z, data["o"]))
        for k, kind in enumerate(data["blocks"]):
            n = self.norm(str(k), z)
            y = self.block(k, kind, n)
            if twist == "read twice" and kind == "experts":
                y = y + self.experts(str(k), 2 * n, data["d"])
            z = z + (2 * y if twist == "scaled" else y)
            if twist == "first row inside" and k == 0:
                z = z[:1] + z
        z = self.cut(z)
        if data["head"] == "raw":
            return z
        z = self.norm("last", z) if data["head"] == "norm" else z
        return self.linear("head", z, data["o"], self.bias(15))

    def cut(self, z: Tensor) -> Tensor:
        """Some rows alone."""
        twist = self.data["twist"]
        if twist == "last row":
            return z[-1:]
        return z[:1] if twist == "first row" else z[1:] if twist == "last rows" else z


def build(data: Recipe) -> tuple[nn.Module, tuple[Any, ...]]:
    """The module and one example."""
    made = Routed(data)
    return made, made.example()
