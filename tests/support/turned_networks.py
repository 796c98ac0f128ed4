"""Random small streams whose heads are turned in part, packed by head, read by norms of two gains.

`recipe(seed)` is plain data, `build(recipe)` the module and an example of free inputs. Sizes are
small, and on both sides of the bounds (two tokens, heads wider than the stream, few outputs).
"""

import random
from typing import Any

import torch
from drawn_module import Drawn
from torch import Tensor, nn

#: Angles of pairs: distinct, equal, and with one that does not turn.
ANGLES = ((1.0, 0.37), (1.0, 0.37), (1.0, 1.0), (1.0, 0.0))
Recipe = dict[str, Any]


def recipe(seed: int) -> Recipe:
    """The recipe of a seed."""
    r = random.Random(seed)
    data: Recipe = {
        "seed": seed, "d": r.choice((3, 4, 5, 5)), "tokens": r.choice((2, 3, 3, 3, 3)),
        "heads": r.choice((1, 1, 2)), "pairs": r.choice((1, 1, 1, 1, 2)),
        "rest": r.choice((0, 1, 1, 1, 2)),
        "dv": r.randint(1, 2), "h": r.randint(1, 2), "packed": r.random() < 0.4,
        "biases": [r.random() < 0.5 for _ in range(6)], "norm": r.choice(("rms", "layer")),
        "gain": r.random() < 0.8, "beta": r.random() < 0.5, "eps": r.choice((1e-2, 1e-2, 0.0)),
        "parallel": r.random() < 0.6, "shared": r.random() < 0.3, "last": r.random() < 0.6,
        "rest_first": r.random() < 0.3, "twisted": r.random() < 0.05, "angles": r.choice(ANGLES),
        "act": r.choice(("tanh", "gelu", "silu")), "causal": r.random() < 0.7,
        "few": r.random() < 0.1, "neighbours": r.random() < 0.4,
    }
    if data["packed"]:
        data["dv"] = 2  # of one entry no leaf is left to read
    return data


class Net(Drawn):
    """The module of a recipe."""

    def example(self) -> tuple[Tensor, ...]:
        """One example of the input."""
        g = torch.Generator().manual_seed(1)
        return (torch.randn(self.data["tokens"], self.data["d"], generator=g),)

    def linear(self, name: str, x: Tensor, out: int, k: int) -> Tensor:
        y = x @ self.p(f"W_{name}", out, x.shape[-1]).T
        return y + self.p(f"b_{name}", out) if self.data["biases"][k] else y

    def norm(self, name: str, z: Tensor) -> Tensor:
        data = self.data
        if data["norm"] == "layer":
            z = z - z.mean(-1, keepdim=True)
        square = (z * z).mean(-1, keepdim=True)
        y = z * torch.rsqrt(square + data["eps"] if data["eps"] else square)
        y = y * self.p(f"g_{name}", z.shape[-1]) if data["gain"] else y
        return y + self.p(f"beta_{name}", z.shape[-1]) if data["beta"] else y

    def turn(self, x: Tensor, last: bool = False) -> Tensor:
        """Some pairs of entries of (heads, T, d_k) turned, others joined to them.

        `last`: joined in the other order than they are parted.
        """
        data, n = self.data, 2 * self.data["pairs"]
        cut = x.shape[-1] - n if data["rest_first"] else n
        a, b = x[..., :cut], x[..., cut:]
        moved, rest = (b, a) if data["rest_first"] else (a, b)
        place = torch.arange(x.shape[-2], dtype=x.dtype)[:, None]
        if data.get("by_head"):  # each head by an angle of its own, the same at all places
            place = torch.arange(len(x), dtype=x.dtype)[:, None, None] + 0 * place
        angles = place * torch.tensor(data["angles"][:data["pairs"]], dtype=x.dtype)
        cos, sin = torch.cos(angles), torch.sin(angles)
        u, v = (moved[..., ::2], moved[..., 1::2]) if data["neighbours"] else moved.chunk(2, dim=-1)
        both = u * cos - v * sin, u * sin + v * cos
        moved = torch.stack(both, -1).flatten(-2) if data["neighbours"] else torch.cat(both, -1)
        first = not data["rest_first"] if last else data["rest_first"]
        return torch.cat((rest, moved) if first else (moved, rest), dim=-1)

    def attention(self, x: Tensor) -> Tensor:
        data = self.data
        h, t, k = data["heads"], x.shape[0], 2 * data["pairs"] + data["rest"]
        if data["packed"]:
            y = self.linear("qkv", x, h * (2 * k + data["dv"]), 0).reshape(t, h, -1).transpose(0, 1)
            q, key, v = y[..., :k], y[..., k:2 * k], y[..., 2 * k:]
        else:
            q, key, v = (self.linear(c, x, h * n, i).reshape(t, h, n).transpose(0, 1)
                         for i, (c, n) in enumerate((("q", k), ("k", k), ("v", data["dv"]))))
        q = self.turn(q)
        key = key if data["twisted"] else self.turn(key, data.get("crossed", False))
        scores = q @ key.transpose(1, 2)
        if data["causal"]:
            seen = torch.ones(t, t, dtype=torch.bool).tril()
            scores = scores.masked_fill(~seen, float("-inf"))
        mixed = (torch.softmax(scores, dim=-1) @ v).transpose(0, 1).reshape(t, -1)
        return self.linear("o", mixed, data["d"], 3)

    def units(self, x: Tensor) -> Tensor:
        u = self.linear("a", x, self.data["h"], 4)
        act = torch.tanh if self.data["act"] == "tanh" else getattr(nn.functional, self.data["act"])
        return self.linear("w", act(u), self.data["d"], 5)

    def forward(self, x: Tensor) -> Tensor:
        data = self.data
        z = x @ self.p("W_in", data["d"], data["d"]).T
        if data["parallel"]:
            names = ("1", "1") if data["shared"] else ("1", "2")
            z = z + self.attention(self.norm(names[0], z)) + self.units(self.norm(names[1], z))
        else:
            z = z + self.attention(self.norm("1", z))
            z = z + self.units(self.norm("2", z))
        z = self.norm("last", z) if data["last"] else z
        return z @ self.p("U", data["d"] - data["few"], data["d"]).T


def build(data: Recipe) -> tuple[nn.Module, tuple[Tensor, ...]]:
    """The module and one example."""
    made = Net(data)
    return made, made.example()
