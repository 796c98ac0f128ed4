"""Heads turned in part, packed heads, norms of several gains, tied heads without a bias."""

import pytest
import torch
from converse_networks import token_stack
from converse_ranks import redundancy_of
from known_networks import KnownNetwork, real
from torch import Tensor
from turned_networks import build, recipe

from symgauge.capture import capture
from symgauge.completeness.complete import AGREES, Extent, completeness
from symgauge.facts import attention
from symgauge.converse.sweep import sweep
from symgauge.program.network import Network


def turned(seed: int, **changed: object) -> Network:
    return capture(*build({**recipe(seed), **changed})).network


#: Three tokens, RMSNorm with a bias, one entry that is not turned, keys without a bias.
LOOSE = {
    "d": 4, "tokens": 3, "heads": 1, "pairs": 1, "rest": 1, "dv": 1, "h": 2, "packed": False,
    "biases": [True, False, False, False, False, True], "norm": "rms", "gain": True, "beta": True,
    "eps": 1e-2, "parallel": True, "shared": False, "last": False, "rest_first": False,
    "twisted": False, "angles": (1.0, 0.37), "act": "gelu", "causal": True, "few": False,
    "neighbours": False,
}


def test_a_norms_bias_on_entries_that_are_not_turned_is_free() -> None:
    """The fuzz found it: 22 of the parameters, where the bound was 21."""
    network = turned(39, **LOOSE)
    found = sweep(network)
    assert found.stop is None and found.bound == redundancy_of(network, 0) == 22


def test_forgetting_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attention, "unseen", lambda sweep, base: 0)
    network = turned(39, **LOOSE)
    assert sweep(network).bound == 21 < redundancy_of(network, 0)


def test_a_norms_bias_on_a_pair_that_stays_stops() -> None:
    """A pair whose frequency is 0 has a table, and is not turned."""
    found = sweep(turned(39, **{**LOOSE, "d": 5, "pairs": 2, "rest": 0, "angles": (1.0, 0.0)}))
    assert found.stop is not None and "not turned" in found.stop.reason


@pytest.mark.parametrize("changed", [
    {"rest": 2, "d": 5}, {"rest": 2, "d": 3}, {"rest_first": True},
    {"biases": [True] * 6, "neighbours": True},
    {"packed": True, "dv": 2}, {"heads": 2, "causal": False, "shared": True},
])
def test_turned_in_part(changed: dict[str, object]) -> None:
    network = turned(39, **{**LOOSE, **changed})
    found = sweep(network)
    assert found.stop is None and found.applies, found.stop
    assert found.bound == redundancy_of(network, 0)


@pytest.mark.parametrize("changed, reason", [
    ({"twisted": True}, "turned"), ({"tokens": 2}, "offsets"), ({"d": 3, "rest": 4}, "fill"),
    ({"crossed": True}, "matmul"),
])
def test_its_edges_stop(changed: dict[str, object], reason: str) -> None:
    found = sweep(turned(39, **{**LOOSE, **changed}))
    assert found.stop is not None and reason in found.stop.reason


def test_one_norm_before_two_gains() -> None:
    """Each gain against its own readers; the second reading says so too."""
    def formula(p: torch.nn.Module, x: Tensor) -> Tensor:
        z = x @ p.A
        n = z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-2)
        return (z + torch.tanh((n * p.g) @ p.W) @ p.V + torch.sigmoid((n * p.h) @ p.U) @ p.X) @ p.H

    network = capture(KnownNetwork(
        "A:3x3 g:3 h:3 W:3x2 V:2x3 U:3x2 X:2x3 H:3x3", formula), (real(1, 3),)).network
    found = completeness(network)
    assert found.stop is None and found.second == AGREES
    assert found.bound == redundancy_of(network, 0)


@pytest.mark.parametrize("beta", [True, False])
def test_a_tied_head_without_a_bias_leaves_a_shift(beta: bool) -> None:
    """1 / gain added to the table, and taken from the positions: the families know it."""
    shapes, formula, x = token_stack(
        2, 7, 4, 2, 2, 1, layer=True, tied=True, positions=True, beta=beta)
    found = completeness(capture(KnownNetwork(shapes, formula), (x,)).network)
    assert found.extent is Extent.ELSEWHERE and found.bound == found.families
    assert any("1 / gain" in f.what for s in found.steps for f in s.free) is not beta


def test_probabilities_of_a_tied_table_leave_a_shift_along_1() -> None:
    """Without positions: 1 added to every row is a multiple of 1 in the stream, and one logit."""
    shapes, formula, x = token_stack(
        2, 7, 4, 2, 2, 1, layer=True, tied=True, probabilities=True)
    found = completeness(capture(KnownNetwork(shapes, formula), (x,)).network)
    assert found.bound == found.families and found.extent is Extent.ELSEWHERE


@pytest.mark.parametrize("neighbours", [True, False])
def test_equal_frequencies_of_neighbours(neighbours: bool) -> None:
    """Pairs numbered by an axis of their own: the fuzz found them counted as one (48, and 52)."""
    network = turned(39, **{
        **LOOSE, "d": 5, "pairs": 2, "rest": 0, "angles": (1.0, 1.0), "neighbours": neighbours,
        "beta": False})
    found = sweep(network)
    assert found.stop is None and found.bound == redundancy_of(network, 0)


@pytest.mark.parametrize("neighbours", [True, False])
def test_heads_are_not_taken_for_positions(neighbours: bool) -> None:
    """As many heads as tokens, each turned by one angle at all places: all of gl is free."""
    network = turned(39, **{
        **LOOSE, "d": 5, "heads": 3, "rest": 0, "beta": False, "by_head": True,
        "neighbours": neighbours})
    found = sweep(network)
    assert redundancy_of(network, 0) == 35
    assert found.stop is not None and "heads are turned differently" in found.stop.reason


# -- one key fewer than a head has entries ---------------------------------------------------------

#: Behind a mean three directions of four: a head of four entries, queries with a bias.
NARROW = {**LOOSE, "norm": "layer", "last": True, "pairs": 1, "rest": 2, "biases": [True] * 6}


@pytest.mark.parametrize("changed", [
    {}, {"pairs": 2, "rest": 0}, {"heads": 2, "shared": True}, {"causal": False},
    {"biases": [True, False, False, False, False, True]}, {"beta": False}], ids=str)
def test_queries_with_a_bias_need_one_key_fewer(changed: dict[str, object]) -> None:
    network = turned(39, **{**NARROW, **changed})
    found = sweep(network)
    assert found.stop is None and found.applies, found.stop
    assert found.bound == redundancy_of(network, 0)


@pytest.mark.parametrize(("changed", "reason"), [
    ({"biases": [False] * 6}, "queries fill the head"), ({"tokens": 2}, "three tokens"),
    ({"rest": 3}, "queries fill the head"),
    ({"pairs": 2, "rest": 0, "angles": (0.7, 0.7)}, "equal frequencies")], ids=str)
def test_without_a_bias_or_with_equal_angles_it_stops(
    changed: dict[str, object], reason: str
) -> None:
    network = turned(39, **{**NARROW, **changed})
    found = sweep(network)
    assert found.stop is not None and reason in found.stop.reason
    assert found.bound >= redundancy_of(network, 0)
