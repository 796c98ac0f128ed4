"""Mixtures of experts that are lines of their own, all of them weighed or the largest."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from exact_redundancy import exact_redundancy, points
from known_networks import KnownNetwork
from torch import Tensor

from symgauge.capture import capture
from symgauge.completeness.complete import AGREES, Completeness, Extent, completeness

Act = Callable[[Tensor], Tensor]
REACHED = "every wall is reached where its expert is chosen"


def listed(
    count: int, d: int, units: int, chosen: int = 0, act: Act = torch.relu, router: bool = False,
    gates: Callable[..., Tensor] | None = None, shared: bool = True, loop: bool = False,
) -> tuple[str, Callable[..., Tensor], Tensor]:
    """sum_e p_e act(x W_e + b_e) V_e, p the softmax or its `chosen` largest (over their sum).

    `loop`: term by term, the first and the last expert the other way round.
    """
    order = [count - 1, *range(1, count - 1), 0]
    shapes = f"R:{d}x{count} " + ("r:%d " % count if router else "") + " ".join(
        f"W{e}:{d}x{units} b{e}:{units} V{e}:{units}x2" for e in range(count))

    def weigh(logits: Tensor) -> Tensor:
        p = torch.softmax(logits, -1)
        if not chosen:
            return p
        value, index = torch.topk(p, chosen)
        value = value / value.sum(-1, keepdim=True) if shared else value
        return torch.zeros_like(logits).scatter(-1, index, value)

    def formula(p: Any, x: Tensor) -> Tensor:
        each = [act(x @ getattr(p, f"W{e}") + getattr(p, f"b{e}")) @ getattr(p, f"V{e}")
                for e in range(count)]
        logits = x @ p.R + (p.r if router else 0)
        weights = weigh(logits) if gates is None else gates(logits, each)
        if loop:
            out = torch.zeros_like(each[0])
            for e in range(count):
                out = out + weights[:, order[e]:order[e] + 1] * each[e]
            return out
        return torch.einsum("be,beo->bo", weights, torch.stack(each, dim=1))

    return shapes, formula, points(2, d)


def said(network: tuple[str, Callable[..., Tensor], Tensor]) -> Completeness:
    shapes, formula, x = network
    return completeness(capture(KnownNetwork(shapes, formula), (x,)).network)


@pytest.mark.parametrize(("sizes", "expected", "asked"), [
    ({"count": 3, "d": 2, "units": 2}, 3 * 2 + 2, False),
    ({"count": 2, "d": 3, "units": 1, "act": torch.tanh}, 3, False),
    ({"count": 5, "d": 2, "units": 1, "router": True}, 5 + 2 + 1, False),
    ({"count": 3, "d": 2, "units": 2, "chosen": 2}, 3 * 2 + 2, True),
    ({"count": 3, "d": 2, "units": 2, "loop": True}, 3 * 2 + 2, False),
    ({"count": 3, "d": 2, "units": 1, "chosen": 2, "loop": True, "act": torch.tanh}, 2, False),
    ({"count": 3, "d": 2, "units": 1, "chosen": 1, "shared": False, "act": torch.tanh}, 2, False),
    ({"count": 3, "d": 3, "units": 1, "chosen": 2, "shared": False, "router": True}, 3 + 3 + 1,
     True),
], ids=["dense", "tanh", "router", "largest", "loop", "loop of the largest", "one",
        "none shared"])
def test_a_list_of_experts(sizes: dict[str, Any], expected: int, asked: bool) -> None:
    """A scaling of each unit with walls, and what the router's softmax does not see."""
    found = said(listed(**sizes))
    assert found.bound == exact_redundancy(*listed(**sizes)) == expected
    assert found.extent in (Extent.RANGE, Extent.HERE) and found.second == AGREES
    assert (REACHED in found.range) == asked


def of_an_expert(logits: Tensor, each: list[Tensor]) -> Tensor:
    """Weights that read an expert."""
    return torch.softmax(logits + each[0].sum(-1, keepdim=True), -1)


@pytest.mark.parametrize("network", [
    listed(3, 2, 1, chosen=1), listed(4, 2, 1, chosen=2),
    listed(2, 2, 1, gates=lambda logits, each: torch.softmax(logits, -1).flip(-1)),
    listed(2, 2, 1, gates=of_an_expert),
    listed(2, 2, 1, gates=lambda logits, each: torch.softmax(logits, 0)),
    listed(2, 2, 1, loop=True, gates=lambda logits, each: torch.softmax(logits, 0)),
    listed(2, 2, 1, loop=True, gates=lambda logits, each: torch.softmax(logits, -1).flip(0)),
    listed(2, 2, 1, loop=True, gates=lambda logits, each: torch.softmax(
        torch.cat((logits, logits[:, :1]), -1), -1)),
], ids=["one over its sum", "choices that are not met", "other weights", "reads an expert",
        "along rows", "along rows, in turn", "other rows", "a weight that nothing has"])
def test_false_relatives_stop(network: tuple[str, Callable[..., Tensor], Tensor]) -> None:
    found = said(network)
    assert found.stop is not None and found.bound >= exact_redundancy(*network)


def test_walls_below_experts_stop() -> None:
    """What experts read has walls too: those of one sum alone are side by side."""
    shapes, formula, x = listed(2, 2, 1)

    def deep(p: Any, x: Tensor) -> Tensor:
        return formula(p, torch.relu(x @ p.A))

    found = said((f"A:2x2 {shapes}", deep, x))
    assert found.stop is not None


@pytest.mark.parametrize("act", [torch.exp, torch.tanh])
def test_experts_that_read_the_logits_stop(act: Act) -> None:
    """p_0 exp(r_1) = p_1 exp(r_0): what reads one line of logits is no atom of its own."""
    def formula(p: Any, x: Tensor) -> Tensor:
        logits = x @ p.R
        each = torch.stack([act(logits) @ p.V, act(logits) @ p.U], dim=1)
        return torch.einsum("be,beo->bo", torch.softmax(logits, -1), each)

    network = ("R:2x2 V:2x2 U:2x2", formula, points(2, 2))
    found = said(network)
    assert found.stop is not None and found.bound >= exact_redundancy(*network)


def test_a_sweep_that_forgets_the_common_vector_is_refused(monkeypatch: Any) -> None:
    monkeypatch.setattr("symgauge.converse.sweep.differences", lambda base: False)
    found = said(listed(3, 2, 1))
    assert found.extent is Extent.OPEN and "chain" in found.second
