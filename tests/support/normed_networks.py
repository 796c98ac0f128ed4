"""Random small streams with norms at every place, for the converse sweep.

Of what a block adds, of the whole stream where it is read out as it is, before a head; with gains,
biases and epsilon or without, units with walls or smooth; another output that the first one tells.
Sizes are small and on both sides of every bound, the rest is that of swept_networks.py.
"""

import random
from typing import Any

import torch
from swept_networks import SMOOTH, Net, Recipe
from swept_networks import recipe as swept
from torch import Tensor, nn


def recipe(seed: int) -> Recipe:
    """The recipe of a seed."""
    r = random.Random(seed)
    data = swept(seed)
    d = r.randint(2, 4)
    data |= {
        "kind": "stream", "d": d, "m": max(1, d - (r.random() < 0.1)), "input": "linear",
        "o": max(1, d - (r.random() < 0.1)), "h": max(r.randint(1, 4), r.choice((1, d, d))),
        "mlp": r.choice(("act", "act", "gated")), "heads": 1, "groups": r.choice((1, 2, 2)),
        "act": r.choice(("relu", "leaky_relu", *SMOOTH[:3], *SMOOTH[:3])),
        "norm": r.choice(("rms", "rms", "layer")), "eps": 0.0 if r.random() < 0.1 else 1e-2,
        "beta": r.random() < 0.15, "gain": r.random() < 0.85, "probabilities": False,
        "qk_norm": False, "rotary": False, "scores": "softmax", "dv": r.randint(1, 3),
        "blocks": r.choice((("mlp",), ("mlp",), ("att", "mlp"), ("mlp", "att"))),
        "added": r.choice((*("none", "rms") * 5, "layer")),
        "added_gain": r.random() < 0.9, "added_eps": 0.0 if r.random() < 0.1 else 1e-2,
        "head": r.choice(("norm", "norm", "out", "out", "raw", "linear")),
        "told": r.random() < 0.2, "positions": r.random() < 0.15, "twist": "",
    }
    if r.random() < 0.8:
        data["biases"] = [False] * 16
    return data


class Normed(Net):
    """The module of a recipe."""

    def stream(self, x: Tensor) -> Any:
        data = self.data
        z = self.linear("in", x, data["d"], self.bias(0))
        if data["positions"]:
            z = z + self.p("P", data["tokens"], data["d"])
        for k, block in enumerate(data["blocks"]):
            n = self.norm(str(k), z)
            made = self.attention if block == "att" else self.units
            z = z + self.added(k, made(str(k), n, data["d"], 5 * k))
        if data["head"] == "raw":
            return z
        if data["head"] == "linear":
            return self.linear("head", z, data["o"], self.bias(15))
        z = self.norm("last", z)
        return z if data["head"] == "out" else self.linear("head", z, data["o"], self.bias(15))

    def added(self, k: int, y: Tensor) -> Tensor:
        """What a block adds, normed or as it is."""
        data = self.data
        if data["added"] == "none":
            return y
        if data["added"] == "layer":
            y = y - y.mean(-1, keepdim=True)
        y = y * torch.rsqrt((y * y).mean(-1, keepdim=True) + data["added_eps"])
        return y * self.p(f"s{k}", data["d"]) if data["added_gain"] else y

    def forward(self, x: Tensor) -> Any:
        made = self.stream(x)
        return (made, made[:, :1] * x[:, :1]) if self.data["told"] else made


def build(data: Recipe) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module and one example."""
    made = Normed(data)
    return made, made.example()
