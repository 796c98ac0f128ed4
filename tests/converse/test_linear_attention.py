"""One head whose weights are its scores: exact ranks at many sizes, and its false relatives."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from converse_ranks import redundancy_of
from known_networks import KnownNetwork, real
from torch import Tensor

from symgauge.capture import capture
from symgauge.completeness.complete import Extent, completeness
from symgauge.converse.sweep import sweep
from symgauge.facts import linear_attention
from symgauge.program.network import Network

Formula = Callable[[torch.nn.Module, Tensor], Tensor]


def scores(p: torch.nn.Module, x: Tensor) -> Tensor:
    return (x @ p.q) @ (x @ p.k).T / 3


def made(formula: Formula, d: int = 3, k: int = 2, v: int = 2, o: int = 3, rows: int = 3,
         more: str = "") -> Network:
    shapes = f"q:{d}x{k} k:{d}x{k} v:{d}x{v} o:{v}x{o} {more}"
    return capture(KnownNetwork(shapes, formula), (real(rows, d),)).network


@pytest.mark.parametrize("sizes", [
    (3, 2, 2, 3, 3), (3, 2, 2, 3, 2), (2, 1, 1, 2, 2), (3, 1, 2, 4, 2), (3, 2, 1, 1, 2),
    (2, 3, 1, 2, 2), (2, 1, 3, 2, 2), (4, 2, 3, 2, 3), (2, 3, 3, 1, 3)], ids=str)
def test_the_bound_is_the_redundancy(sizes: tuple[int, ...]) -> None:
    network = made(lambda p, x: scores(p, x) @ (x @ p.v) @ p.o, *sizes)
    found = completeness(network)
    assert found.stop is None and found.bound == redundancy_of(network, 0)
    d, _, v, o, _ = sizes
    # of wider values no family is known that is all
    assert v > min(d, o) or found.extent in (Extent.RANGE, Extent.HERE), found.says
    assert found.second.startswith("not read"), found.second


HIDDEN = torch.ones(3, 3).tril()


@pytest.mark.parametrize(("formula", "more", "rows"), [
    (lambda p, x: scores(p, x) @ (x @ p.v) @ p.o, "", 1),
    (lambda p, x: (scores(p, x) + 1) @ (x @ p.v) @ p.o, "", 3),
    (lambda p, x: (scores(p, x) * HIDDEN) @ (x @ p.v) @ p.o, "", 3),
    (lambda p, x: scores(p, x) @ (x @ p.v + p.b) @ p.o, "b:2", 3),
    (lambda p, x: ((x @ p.q + p.b) @ (x @ p.k).T) @ (x @ p.v) @ p.o, "b:2", 3),
    (lambda p, x: scores(p, x) @ (x @ p.v) @ p.o + p.b, "b:3", 3),
    (lambda p, x: scores(p, x) @ (x @ p.v) @ p.o + x @ p.w, "w:3x3", 3),
    (lambda p, x: scores(p, x) @ (x @ p.k) @ p.o, "", 3),
    (lambda p, x: scores(p, x) @ torch.tanh(x @ p.v) @ p.o, "", 3),
    (lambda p, x: torch.tanh(scores(p, x) @ (x @ p.v) @ p.o) @ p.w, "w:3x2", 3),
    (lambda p, x: (scores(p, x) @ (x @ p.v))[:1] @ p.o, "", 3)],
    ids=["one", "constant", "mask", "values", "queries", "outputs", "beside", "tied", "units",
         "below units", "row"])
def test_false_relatives_are_not_below_the_rank(formula: Formula, more: str, rows: int) -> None:
    network = made(formula, rows=rows, more=more)
    found = sweep(network)
    assert found.bound >= redundancy_of(network, 0)
    assert more == "w:3x2" or found.stop is not None


def test_two_heads_stop() -> None:
    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        q, k, v = ((x @ w).reshape(3, 2, -1).transpose(0, 1) for w in (p.q, p.k, p.v))
        return (q @ k.transpose(1, 2) @ v).transpose(0, 1).reshape(3, -1) @ p.o

    network = made(formula, d=2)
    found = sweep(network)
    assert found.stop is not None and found.stop.reason == "several heads"
    assert found.bound >= redundancy_of(network, 0)


def test_forgetting_the_scale_of_scores_against_values_is_seen(
    monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linear_attention, "Integer", lambda n: 0)
    network = made(lambda p, x: scores(p, x) @ (x @ p.v) @ p.o)
    assert sweep(network).bound == redundancy_of(network, 0) - 1
