"""Networks that miss a premise of a step: the sweep stops there, or counts what is left free.

Each was once bounded below P - rank J; beside it stands a neighbour that meets the premise.
"""

import math
from collections.abc import Callable

import pytest
import torch
from exact_redundancy import exact_redundancy, ids, points
from known_networks import KnownNetwork
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.converse.sweep import Outcome, sweep

Formula = Callable[[nn.Module, Tensor], Tensor]


def swept(shapes: str, formula: Formula, x: Tensor) -> tuple[Outcome, int]:
    """The outcome, and P - rank J."""
    network = capture(KnownNetwork(shapes, formula), (x,)).network
    return sweep(network), exact_redundancy(shapes, formula, x)


def rms(z: Tensor) -> Tensor:
    return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 0.5)


def attention(
    p: nn.Module, x: Tensor, weights: Callable[[Tensor], Tensor], bias: bool = False
) -> Tensor:
    values = x @ p.V + (p.v if bias else 0)
    return weights((x @ p.Q) @ (x @ p.K).T) @ values @ p.O


def softmax(scores: Tensor) -> Tensor:
    return torch.softmax(scores, -1)


HEADS = "Q:3x2 K:3x2 V:3x2 O:2x3"

#: Shapes, formula, size of the input, what the sweep says where it stops.
MISSED: dict[str, tuple[str, Formula, tuple[int, ...], str]] = {
    "squares behind one column": (
        "W:4x3 A:3x1 B:1x3", lambda p, x: (x @ p.W)**2 @ p.A @ p.B, (2, 4), "tell the units apart"),
    "products behind one column": (
        "W:4x2 U:4x2 A:2x1 B:1x3", lambda p, x: ((x @ p.W) * (x @ p.U)) @ p.A @ p.B, (2, 4),
        "tell the units apart"),
    "products of an input and a part of it": (
        "A:6x3 B:2x3 V:3x2", lambda p, x: ((x @ p.A) * (x[:, :2] @ p.B)) @ p.V, (2, 6),
        "parts of one input"),
    "walls that are one": (
        "A:3x1 B:1x3 V:3x2", lambda p, x: torch.relu(x @ p.A @ p.B) @ p.V, (2, 3),
        "walls through 0 that differ"),
    "a head on a stream that does not span": (
        "I:1x4 A:4x1 B:1x4 U:4x20",
        lambda p, x: (x @ p.I + torch.tanh(x @ p.I @ p.A) @ p.B) @ p.U, (2, 1), "stream spans"),
    "a norm of a stream without an input": (
        "W:3x1 V:1x4 U:4x30", lambda p, x: rms(torch.tanh(x @ p.W) @ p.V) @ p.U, (2, 3),
        "does not begin with an input"),
    "a stream that cancels": (
        "W:2x9", lambda p, x: x @ p.W - (x @ p.W) * 1, (2, 2), "a term stands twice"),
    "arguments that cancel": (
        "W:2x3 V:3x2", lambda p, x: torch.tanh(x @ p.W - (x @ p.W) * 1) @ p.V, (2, 2),
        "a term stands twice"),
    "a factor that cancels": (
        "W:2x3 U:2x3 V:3x2",
        lambda p, x: (torch.sigmoid(x @ p.W) * (x @ p.U - (x @ p.U) * 1)) @ p.V, (2, 2),
        "a term stands twice"),
    "one unit repeated": (
        "w:2x1 V:4x5", lambda p, x: torch.tanh((x @ p.w).expand(2, 4)) @ p.V, (2, 2), "repeated"),
    "exponents that are a stream": (
        "B:2x2 C:2x2 U:2x3 b:3 V:3x2",
        lambda p, x: torch.exp((x + torch.tanh(x @ p.B) @ p.C) @ p.U + p.b) @ p.V, (2, 2),
        "exponents that are a stream"),
    "a norm's bias before exponents": (
        "c:3 W:3x3 b:3 V:3x2", lambda p, x: torch.exp((rms(x) + p.c) @ p.W + p.b) @ p.V, (2, 3),
        "before exponents"),
    "scores of a homogeneous function": (
        HEADS, lambda p, x: attention(p, x, torch.relu), (3, 3), "no converse is stated"),
    "queries normed over all heads": (
        "Q:2x6 K:2x6 V:2x3 O:3x3", lambda p, x: normed_heads(p, x, 3), (3, 2), "heads"),
    "units on a norm that is constant": (
        "A:3x1 G:1x4 U:1x4 V:4x2", lambda p, x: gated(p, one_entry(x @ p.A)), (2, 3),
        "a norm of fewer entries"),
    "a gain for each head": (
        "Q:4x4 K:4x4 V:4x2 O:2x3 a:2x1x1 b:2x1x1", lambda p, x: scaled_heads(p, x, 2), (3, 4),
        "gains of single heads"),
    "rotary scores, rows of one token": (
        "Q:4x4 K:4x4 V:4x1 O:1x2", lambda p, x: rotary(p, x, (0, 1, 2, 3), (
            (1, 1, 0, 0), (0, 0, 0, 1), (0, 0, 1, 0), (0, 0, 0, 1))), (4, 4), "must be seen"),
    "a key bias at equal positions": (
        "Q:4x4 K:4x4 k:4 V:4x1 O:1x2", lambda p, x: rotary(p, x, (0, 1, 1, 2), (
            (0, 1, 1, 0), (0, 1, 0, 0), (1, 0, 0, 0), (0, 1, 1, 0))), (4, 4), "a key bias"),
}


def one_entry(z: Tensor) -> Tensor:
    """1 or -1, through a function."""
    return nn.functional.gelu(z * torch.rsqrt((z * z).mean(-1, keepdim=True)))


def gated(p: nn.Module, y: Tensor) -> Tensor:
    return (nn.functional.gelu(y @ p.G) * (y @ p.U)) @ p.V


def normed_heads(p: nn.Module, x: Tensor, h: int) -> Tensor:
    q, k, v = (y.reshape(len(x), h, -1).transpose(0, 1)
               for y in (rms(x @ p.Q), rms(x @ p.K), x @ p.V))
    return (softmax(q @ k.transpose(1, 2)) @ v).transpose(0, 1).reshape(len(x), -1) @ p.O


def scaled_heads(p: nn.Module, x: Tensor, h: int) -> Tensor:
    q, k, v = (y.reshape(len(x), h, -1).transpose(0, 1) for y in (x @ p.Q, x @ p.K, x @ p.V))
    scores = (rms(q) * p.a) @ (rms(k) * p.b).transpose(1, 2)
    return (softmax(scores) @ v).transpose(0, 1).reshape(len(x), -1) @ p.O


def rotary(
    p: nn.Module, x: Tensor, positions: tuple[int, ...], mask: tuple[tuple[int, ...], ...]
) -> Tensor:
    def turned(y: Tensor) -> Tensor:
        angles = torch.tensor(positions, dtype=y.dtype)[:, None] * torch.tensor(
            (1.0, 0.37), dtype=y.dtype)
        cos, sin = torch.cos(angles), torch.sin(angles)
        first, second = y.chunk(2, -1)
        return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)

    queries = turned(x @ p.Q)
    keys = turned(x @ p.K + p.k if hasattr(p, "k") else x @ p.K)
    scores = (queries @ keys.T).masked_fill(
        ~torch.tensor(mask).bool(), -math.inf)
    return softmax(scores) @ (x @ p.V) @ p.O


@pytest.mark.parametrize("name", MISSED)
def test_a_missed_premise_stops_the_sweep(name: str) -> None:
    shapes, formula, size, reason = MISSED[name]
    outcome, redundancy = swept(shapes, formula, points(*size))
    assert outcome.stop is not None and reason in outcome.stop.reason
    assert outcome.bound >= redundancy


#: Neighbours that meet the premises, or of which more is counted now: the bound is exact.
MET: dict[str, tuple[str, Formula, tuple[int, ...]]] = {
    "squares behind two columns": (
        "W:3x3 A:3x2 B:2x3", lambda p, x: (x @ p.W)**2 @ p.A @ p.B, (2, 3)),
    "walls behind two columns": (
        "A:3x2 B:2x3 V:3x2", lambda p, x: torch.relu(x @ p.A @ p.B) @ p.V, (2, 3)),
    "a leaky unit of slope 1 is linear": (
        "W:3x3 V:3x2", lambda p, x: nn.functional.leaky_relu(x @ p.W, 1.0) @ p.V, (2, 3)),
    "exponents that read a norm": (
        "W:3x3 b:3 V:3x2", lambda p, x: torch.exp(rms(x) @ p.W + p.b) @ p.V, (2, 3)),
    "values' biases before exponents": (
        "Q:2x2 K:2x2 V:2x2 v:2 O:2x3 U:3x2",
        lambda p, x: torch.exp(attention(p, x, softmax, bias=True)) @ p.U, (2, 2)),
    "scores of a smooth function": (
        HEADS, lambda p, x: attention(p, x, torch.sigmoid), (3, 3)),
    "rotary scores, three tokens, a key bias": (
        "Q:4x4 K:4x4 k:4 V:4x1 O:1x2", lambda p, x: rotary(
            p, x, (0, 1, 2), ((1, 0, 0), (1, 1, 0), (1, 1, 1))), (3, 4)),
}


@pytest.mark.parametrize("name", MET)
def test_the_neighbours_are_exact(name: str) -> None:
    shapes, formula, size = MET[name]
    outcome, redundancy = swept(shapes, formula, points(*size))
    assert outcome.stop is None and outcome.applies
    assert outcome.bound == redundancy


def test_a_table_makes_up_for_units_of_single_tokens() -> None:
    """Below the lowest attention units are seen at V points alone, which the table moves."""
    shapes = "E:9x2 A:2x2 B:2x2 U:2x9"

    def formula(p: nn.Module, t: Tensor) -> Tensor:
        z = p.E[t]
        return rms(z + torch.tanh(rms(z) @ p.A) @ p.B) @ p.U

    outcome, redundancy = swept(shapes, formula, ids(9, 2))
    assert outcome.stop is not None and "no attention" in outcome.stop.reason
    assert outcome.bound >= redundancy > 1
