"""Streams whose norms stand behind the skips: the bound is the truth, edges stop."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from converse_networks import post_stack
from converse_ranks import redundancy_of
from known_networks import KnownNetwork, real
from places import ROOT
from torch import Tensor, nn

from symgauge.capture import capture
from symgauge.capture.target import load_target
from symgauge.completeness.complete import Extent, completeness
from symgauge.converse.sweep import sweep
from symgauge.program.network import Network
from symgauge.zoo import load


def made(shapes: str, formula: Callable[..., object], *args: Tensor) -> Network:
    return capture(KnownNetwork(shapes, formula), args).network


def stacked(*sizes: int, **rest: object) -> Network:
    return made(*post_stack(*sizes, heads=2, **rest))  # type: ignore[arg-type]


def rms(z: Tensor, eps: float) -> Tensor:
    return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + eps)


def tanh_blocks(eps: float, units: str = "tanh") -> Network:
    """Two blocks that read a free input, read out as they are."""
    act = {"tanh": torch.tanh, "relu": torch.relu}[units]

    def block(z: Tensor, g: Tensor, W: Tensor, V: Tensor) -> Tensor:
        return g * rms(z + act(z @ W.T) @ V.T, eps)

    return made("W:4x3 V:3x4 g:3 A:4x3 B:3x4 h:3", lambda p, x: block(
        block(x, p.g, p.W, p.V), p.h, p.A, p.B), real(1, 3))


@pytest.mark.parametrize("network", [
    lambda: tanh_blocks(1e-5), lambda: stacked(3, 3, 2, 2, 2, 1, 3, biases="qkvo"),
    lambda: stacked(3, 3, 2, 2, 1, 1, 3, biases="v", act="tanh"),
    lambda: stacked(4, 4, 2, 2, 1, 2, 4, biases="qkvo", layer=True)],
    ids=["units", "rms", "values", "layer"])
def test_the_bound_is_the_truth(network: Callable[[], Network]) -> None:
    found = sweep(network())
    assert found.stop is None and found.bound == redundancy_of(found.structure.network, 0)


@pytest.mark.parametrize(("network", "reason"), [
    (lambda: tanh_blocks(0.0), "epsilon"), (lambda: tanh_blocks(1e-5, "relu"), "walls"),
    (lambda: stacked(4, 4, 2, 2, 1, 1, 4, biases="qkvo", layer=True), "one gain undoes"),
    (lambda: stacked(3, 3, 2, 2, 1, 2, 3, biases="qkvo", layer=True), "do not span"),
    (lambda: stacked(3, 3, 2, 3, 1, 1, 3), "do not span"),
    (lambda: stacked(4, 4, 2, 2, 1, 2, 4, biases="o", layer=True), "without a bias"),
    (lambda: stacked(2, 3, 2, 2, 1, 1, 3), "spans")])
def test_edges_stop(network: Callable[[], Network], reason: str) -> None:
    found = sweep(network())
    assert found.stop is not None and reason in found.stop.reason


@pytest.mark.parametrize(("name", "redundancy", "unread"), [
    ("distilbert", 81, 4), ("bert", 107, 24), ("bert_mlm", 108, 24)])
def test_encoders_have_nothing_else(name: str, redundancy: int, unread: int) -> None:
    """The families that certificates close, of which rows and matrices that nothing reads are none.
    """
    target = load_target(f"{ROOT / 'tests' / 'data' / 'families.py'}:{name}", load, {})
    found = completeness(capture(*target.build()).network)
    assert found.extent is Extent.ELSEWHERE
    assert found.bound == found.families == redundancy - unread
    # a range that a larger vocabulary reaches: a head's bias is not among what bounds it
    assert found.missed and all("V" not in c.partition("<=")[0] for c in found.missed)


def encoder(positions: bool, head: str) -> Network:
    """One post-norm block of units under tokens and places, and outputs."""
    d, n = 4, 9
    shapes = f"E:{n}x{d} P:3x{d} g0:{d} b0:{d} A:3x{d} a:3 B:{d}x3 b:{d} g1:{d} b1:{d}"
    shapes += {"pooled": f" W:{d}x{d} w:{d}", "bare": f" W:{d}x{d}", "": ""}[head]

    def formula(p: nn.Module, t: Tensor) -> object:
        z = nn.functional.embedding(t, p.E) + (p.P if positions else 0)
        z = nn.functional.layer_norm(z, (d,), p.g0, p.b0)
        y = z + torch.tanh(z @ p.A.T + p.a) @ p.B.T + p.b
        z = nn.functional.layer_norm(y, (d,), p.g1, p.b1)
        if not head:
            return z
        u = z[0] @ p.W.T
        return z, torch.tanh(u + p.w if head == "pooled" else u)

    if not positions:
        shapes = shapes.replace(f" P:3x{d}", "")
    return made(shapes, formula, torch.tensor([0, 1, 2]))


@pytest.mark.parametrize(("positions", "head", "reason"), [
    (False, "", "without positions"), (True, "bare", "without a bias")])
def test_tokens_and_outputs_that_stop(positions: bool, head: str, reason: str) -> None:
    found = sweep(encoder(positions, head))
    assert found.stop is not None and reason in found.stop.reason


def test_what_reads_an_output_has_multiples_of_1_by_gain() -> None:
    alone, pooled = (sweep(encoder(True, head)) for head in ("", "pooled"))
    assert alone.stop is None is pooled.stop
    assert pooled.bound == alone.bound + 4
