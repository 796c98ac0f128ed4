"""A block whose parts read one stream through norms that centre and norms that do not."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from converse_networks import Network
from exact_redundancy import exact_redundancy, points
from expert_networks import expert_shapes, rms, weights
from known_networks import KnownNetwork
from torch import Tensor

from symgauge.capture import capture
from symgauge.completeness.complete import AGREES, completeness

Norm = Callable[[Tensor], Tensor]


def layer(z: Tensor) -> Tensor:
    return rms(z - z.mean(-1, keepdim=True))


def average(query: Norm, key: Norm, value: Norm, size: int) -> Network:
    """x I and one head behind a skip, read out as it is."""
    def formula(p: Any, x: Tensor) -> Tensor:
        z = x @ p.I
        scores = (query(z) @ p.Q) @ (key(z) @ p.K).T
        out: Tensor = z + torch.softmax(scores, -1) @ (value(z) @ p.V) @ p.O
        return out

    return f"I:3x3 Q:3x{size} K:3x{size} V:3x3 O:3x3", formula, points(2, 3)


@pytest.mark.parametrize(("norms", "size"), [
    ((rms, rms, layer), 3), ((layer, rms, rms), 3), ((rms, layer, rms), 2)])
def test_queries_keys_and_values(norms: tuple[Norm, Norm, Norm], size: int) -> None:
    shapes, formula, x = average(*norms, size)
    found = completeness(capture(KnownNetwork(shapes, formula), (x,)).network)
    assert found.bound == exact_redundancy(shapes, formula, x) == found.families
    assert found.second == AGREES


@pytest.mark.parametrize(("router", "expected"), [(rms, 15), (layer, 16)])
def test_a_router_and_its_experts(router: Norm, expected: int) -> None:
    """What a vector that all logits have in common reads is what the router's norm shows."""
    def formula(p: Any, x: Tensor) -> Tensor:
        z = x @ p.I
        value, index = weights("softmax of the chosen", router(z) @ p.R, 2)
        rows, flat = layer(z).repeat_interleave(2, 0)[:, None], index.reshape(-1)
        hidden = torch.nn.functional.silu(rows @ p.G[flat]) * (rows @ p.U[flat])
        out = (hidden @ p.V[flat])[:, 0] * value.reshape(-1)[:, None]
        y: Tensor = z + out.reshape(len(x), 2, -1).sum(1)
        return y

    shapes, x = "I:3x3 " + expert_shapes(3, 2, 2, 3), points(1, 3)
    found = completeness(capture(KnownNetwork(shapes, formula), (x,)).network)
    assert found.bound == exact_redundancy(shapes, formula, x) == found.families == expected
