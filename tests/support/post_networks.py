"""Random small streams whose norms stand behind the skips, for the converse sweep.

Inputs as they are, through a matrix or through a norm; a last line that is read out, through a
matrix, or through units and a norm; another output that reads it. Sizes are on both sides of every
bound.
"""

import random
from typing import Any

import torch
from normed_networks import Normed
from swept_networks import SMOOTH, Recipe, act
from swept_networks import recipe as swept
from torch import Tensor, nn


def recipe(seed: int) -> Recipe:
    """The recipe of a seed."""
    r = random.Random(seed)
    data = swept(seed)
    d = r.randint(2, 5)
    data |= {
        "kind": "stream", "d": d, "m": max(1, d - (r.random() < 0.1)),
        "input": r.choice(("raw", "linear", "normed")), "o": max(1, d + r.choice((-1, 0, 0, 0, 1))),
        "h": r.randint(1, 3), "mlp": r.choice(("act", "act", "gated")), "heads": 1, "groups": 2,
        "act": r.choice(("relu", *SMOOTH[:3] * 3)), "norm": r.choice(("rms", "layer", "layer")),
        "eps": 0.0 if r.random() < 0.1 else 1e-2, "beta": r.random() < 0.6,
        "gain": r.random() < 0.9, "probabilities": False, "qk_norm": False, "rotary": False,
        "scores": "softmax", "dk": 2, "dv": r.choice((2, 2, 2, 3)),
        "blocks": r.choice((("mlp",), ("att",), ("mlp", "mlp"), ("att", "mlp"), ("mlp", "att"))),
        "head": r.choice(("raw", "raw", "linear", "units")), "reads": r.random() < 0.2,
        "positions": False, "twist": "", "told": False,
    }
    if data["input"] == "raw":
        data["m"] = d
    data["biases"] = [r.random() < (0.9 if data["beta"] else 0.3) for _ in range(16)]
    return data


class Post(Normed):
    """The module of a recipe."""

    def stream(self, x: Tensor) -> Any:
        data = self.data
        d = data["d"]
        z = x if data["input"] == "raw" else self.linear("in", x, d, self.bias(0))
        if data["input"] == "normed":
            z = self.norm("in", z)
        for k, block in enumerate(data["blocks"]):
            made = self.attention if block == "att" else self.units
            z = self.norm(str(k), z + made(str(k), z, d, 5 * k))
        out = z
        if data["head"] == "units":
            out = self.norm("last", act(data["act"], self.linear("t", z, d, self.bias(14))))
        if data["head"] != "raw":
            out = self.linear("head", out, data["o"], self.bias(15))
        if data["reads"] and data["head"] == "raw":
            return out, torch.tanh(self.linear("read", z, 2, self.bias(13)))
        return out

    def forward(self, x: Tensor) -> Any:
        return self.stream(x)


def build(data: Recipe) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module and one example."""
    made = Post(data)
    return made, made.example()
