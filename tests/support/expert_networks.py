"""Mixtures of experts of any size: a router chooses k matrices of a stack for each row.

A network is `(shapes, formula, input)` for `exact_redundancy`.
"""

from collections.abc import Callable
from typing import Any

import torch
from converse_networks import ACTS, Network
from exact_redundancy import points
from torch import Tensor, nn

GATES = ("softmax", "softmax of the chosen", "sigmoid", "sigmoid over the sum of the chosen")


def weights(gates: str, logits: Tensor, chosen: int) -> tuple[Tensor, Tensor]:
    """The weights of the chosen, and who they are."""
    scores = torch.sigmoid(logits) if gates.startswith("sigmoid") else torch.softmax(logits, -1)
    value, index = torch.topk(scores, chosen, dim=-1)
    if gates.endswith("chosen"):
        value = value / value.sum(-1, keepdim=True)
    return value, index


def experts(
    p: nn.Module, x: Tensor, gates: str, chosen: int, act: str, name: str = ""
) -> Tensor:
    """sum_e p_e (act(x G_e) * (x U_e)) V_e for each row x, or without x U_e."""
    def of(letter: str) -> Tensor:
        found: Tensor = getattr(p, letter + name)
        return found

    logits = x @ of("R")
    if hasattr(p, "r" + name):
        logits = logits + of("r")
    value, index = weights(gates, logits, chosen)
    rows = x.repeat_interleave(chosen, 0)[:, None]
    flat = index.reshape(-1)
    hidden = ACTS[act](rows @ of("G")[flat])
    if hasattr(p, "U" + name):
        hidden = hidden * (rows @ of("U")[flat])
    out = (hidden @ of("V")[flat])[:, 0] * value.reshape(-1)[:, None]
    return out.reshape(len(x), chosen, -1).sum(1)


def expert_shapes(
    d: int, units: int, count: int, o: int, gated: bool = True, bias: bool = False, name: str = ""
) -> str:
    """The parameters of `experts`."""
    up = f"U{name}:{count}x{d}x{units} " if gated else ""
    own = f"r{name}:{count} " if bias else ""
    return f"R{name}:{d}x{count} {own}G{name}:{count}x{d}x{units} {up}V{name}:{count}x{units}x{o}"


def mixture(
    gates: str, count: int, chosen: int, units: int, d: int, o: int, act: str = "silu",
    gated: bool = True, bias: bool = False,
) -> Network:
    """A mixture alone."""
    def formula(p: nn.Module, x: Tensor) -> Tensor:
        return experts(p, x, gates, chosen, act)

    return expert_shapes(d, units, count, o, gated, bias), formula, points(1, d)


def rms(z: Tensor) -> Tensor:
    return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 0.5)


def expert_stack(
    gates: str, count: int, chosen: int, units: int, d: int, o: int, layers: int = 1,
    norm: Callable[[Tensor], Tensor] = rms, act: str = "silu",
) -> Network:
    """x I, blocks z + mixture(N(z) g), and a head N(z) h W."""
    shapes = f"I:{d}x{d} h:{d} W:{d}x{o} " + " ".join(
        f"g{k}:{d} " + expert_shapes(d, units, count, d, name=str(k)) for k in range(layers))

    def formula(p: Any, x: Tensor) -> Tensor:
        z: Tensor = x @ p.I
        for k in range(layers):
            z = z + experts(p, norm(z) * getattr(p, f"g{k}"), gates, chosen, act, str(k))
        out: Tensor = norm(z) * p.h @ p.W
        return out

    return shapes, formula, points(2, d)
