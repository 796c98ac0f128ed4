"""Entries of an input in another order are free coordinates; two orders of one input are not."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch
from converse_ranks import redundancy_of
from known_networks import KnownNetwork, real
from torch import Tensor

from symgauge.capture import capture
from symgauge.converse.sweep import sweep
from symgauge.program.network import Network

SHAPES = "W:3x3 V:3x3 U:3x2"


def taken(x: Tensor, order: Sequence[int]) -> Tensor:
    return x[:, torch.tensor(order)]


def made(formula: Callable[[torch.nn.Module, Tensor], Tensor], width: int = 3) -> Network:
    return capture(KnownNetwork(SHAPES, formula), (real(1, width),)).network


@pytest.mark.parametrize("order", [(1, 2, 0), (3, 0, 4)], ids=str)
def test_another_order_is_free(order: tuple[int, ...]) -> None:
    network = made(lambda p, x: torch.tanh(taken(x, order) @ p.W) @ p.V @ p.U, max(order) + 1)
    found = sweep(network)
    assert found.stop is None and found.bound == redundancy_of(network, 0)


@pytest.mark.parametrize("formula", [
    lambda p, x: ((x @ p.W) * (taken(x, (1, 2, 0)) @ p.V)) @ p.U,
    lambda p, x: ((taken(x, (0, 2, 1)) @ p.W) * (taken(x, (1, 2, 0)) @ p.V)) @ p.U,
    lambda p, x: ((taken(x, (0, 2, 1)) @ p.W) * (x.reshape(1, 3, 1).flip(1)[..., 0] @ p.V)) @ p.U,
    lambda p, x: torch.tanh(taken(x, (1, 2, 1)) @ p.W) @ p.V @ p.U], ids=[
    "order beside the input", "two orders", "reversed", "an entry twice"])
def test_two_orders_of_one_input_stop(
    formula: Callable[[torch.nn.Module, Tensor], Tensor]
) -> None:
    """Read as independent, products of coordinates of both would leave 6, and 12 are left."""
    network = made(formula)
    found = sweep(network)
    assert found.stop is not None and found.bound >= redundancy_of(network, 0)
