"""Random small streams of which one row begins with parameters, for the converse sweep.

A class token before or behind rows of free inputs, with positions or none, masks or none; sizes on
both sides of the bounds. A twist breaks what a converse rests on: that row alone is read, a row of
two, the row added to the others, scores that are turned, the row behind a matrix that others have.
"""

import random
from typing import Any

import torch
from swept_networks import Net, Recipe
from swept_networks import recipe as swept
from torch import Tensor, nn

TWISTS = ("row alone", "row alone", "free row alone", "read beside", "read beside", "two rows",
          "same matrix", "everywhere", "turned", "scaled")


def recipe(seed: int) -> Recipe:
    """The recipe of a seed."""
    r = random.Random(seed)
    data = swept(seed)
    d = r.choice((2, 2, 2, 3))
    heads, dv = r.choice(((1, 1), (1, 2), (1, 2), (2, 1), (2, 1), (2, 2)))
    data |= {
        "kind": "stream", "d": d, "m": max(1, d + r.choice((-1, *[0] * 12, 1))),
        "o": max(1, d + r.choice((-1, *[0] * 12, 1))), "h": r.choice((1, 2)),
        "tokens": r.choice((1, 2, 2, 2, 3)), "heads": 1, "groups": heads, "dv": dv,
        "dk": r.choice((1, 1, 2)), "norm": r.choice(("rms",) * 5 + ("layer",) * 4 + ("none",)),
        "eps": 0.0 if r.random() < 0.1 else 1e-2, "gain": r.random() < 0.7,
        "beta": r.random() < 0.3, "qk_norm": False, "rotary": False,
        "scores": "sigmoid" if r.random() < 0.05 else "softmax", "probabilities": False,
        "act": "relu" if r.random() < 0.05 else r.choice(("tanh", "gelu", "silu")),
        "blocks": r.choice((("att", "mlp"), ("att", "mlp"), ("both",), ("att",), ("mlp",),
                            ("mlp", "att", "mlp"), ("att", "att", "mlp"))),
        "mlp": r.choice(("act", "gated")), "head": r.choice(("raw", "linear", "norm", "out")),
        "input": "raw" if r.random() < 0.1 else "linear", "causal": r.random() < 0.25,
        "first": r.random() < 0.6, "own": r.choice((1, 1, 2)), "positions": r.random() < 0.4,
        "twist": r.choice(TWISTS) if r.random() < 0.3 else "",
    }
    if data["twist"] == "turned":
        data |= {"rotary": True, "dk": 2}
    if data["twist"] == "read beside":
        data["head"] = "out"
    if r.random() < 0.6:  # what K18 asks, but for the twist
        data |= {"heads": 1, "groups": d, "dv": 1, "eps": 1e-2, "m": d, "o": d, "input": "linear",
                 "scores": "softmax", "tokens": max(2, data["tokens"]), "causal": False,
                 "blocks": data["blocks"] if "att" in data["blocks"] else ("att", "mlp"),
                 "norm": "rms" if data["norm"] == "none" else data["norm"],
                 "act": "tanh" if data["act"] == "relu" else data["act"]}
    if data["norm"] == "layer":
        data["d"] = max(d, r.choice((2, 3, 3, 3)))
        data["m"], data["o"] = max(data["m"], data["d"]), max(data["o"], data["d"])
    if data["input"] == "raw":
        data["m"] = data["d"]
    return data


class Joined(Net):
    """The module of a recipe."""

    def stream(self, x: Tensor) -> Tensor:
        data, twist, d = self.data, self.data["twist"], self.data["d"]
        z = x if data["input"] == "raw" else self.linear("in", x, d, self.bias(0))
        own = self.p("c", 2 if twist == "two rows" else 1, d)
        if data["own"] == 2:
            own = own + self.p("e", 1, d)
        if twist == "same matrix":
            own = self.linear("in", self.p("s", 1, data["m"]), d, self.bias(0))
        if twist == "everywhere":
            z = z + own
        if data["positions"]:
            z = z + self.p("P", len(x), d)
        z = torch.cat([own, z] if data["first"] else [z, own])
        for k, block in enumerate(data["blocks"]):
            n, parts = self.norm(str(k), z), []
            if block in ("att", "both"):
                parts.append(self.attention(str(k), n, d, 5 * k))
            if block in ("mlp", "both"):
                parts.append(self.units(str(k), n, d, 5 * k + 2))
            y = sum(parts[1:], parts[0])
            z = z + (2 * y if twist == "scaled" else y)
        place = 0 if data["first"] else len(z) - 1
        if twist in ("row alone", "free row alone"):
            place = place if twist == "row alone" else len(z) - 1 - place
            z = z[place:place + 1]
        if data["head"] == "raw":
            return z
        z = z if data["head"] == "linear" else self.norm("last", z)
        return z if data["head"] == "out" else self.linear("head", z, data["o"], self.bias(15))

    def forward(self, x: Tensor) -> Any:
        made = self.stream(x)
        if self.data["twist"] != "read beside":
            return made
        place = 0 if self.data["first"] else len(made) - 1
        return made, torch.tanh(self.linear("pool", made[place:place + 1], 2, True))


def build(data: Recipe) -> tuple[nn.Module, tuple[Any, ...]]:
    """The module and one example."""
    made = Joined(data)
    return made, made.example()
