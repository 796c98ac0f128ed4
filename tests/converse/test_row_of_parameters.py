"""A stream of which one row begins with parameters: what is read and asked, and exact ranks."""

from __future__ import annotations

import pytest
from converse_ranks import redundancy_of
from joined_networks import build, recipe

from symgauge.capture import capture
from symgauge.completeness.complete import AGREES, Extent, completeness
from symgauge.converse import row_of_parameters, stream
from symgauge.converse.sweep import sweep
from symgauge.program.network import Network

#: Two free rows, RMSNorm with gains and epsilon, two heads that fill the stream, a head of d.
PLAIN = {
    "d": 2, "m": 2, "o": 2, "h": 1, "tokens": 2, "groups": 2, "heads": 1, "dv": 1, "dk": 1,
    "norm": "rms", "eps": 1e-2, "gain": True, "beta": False, "act": "tanh", "mlp": "act",
    "blocks": ("att", "mlp"), "head": "norm", "input": "linear", "causal": False, "first": True,
    "own": 1, "positions": False, "twist": "", "rotary": False, "scores": "softmax",
    "biases": [False] * 16,
}


def joined(**changed: object) -> Network:
    return capture(*build({**recipe(1), **PLAIN, **changed})).network


@pytest.mark.parametrize("changed", [
    {}, {"own": 2}, {"positions": True, "own": 2, "biases": [True] * 16}, {"first": False},
    {"first": False, "causal": True}, {"head": "linear"}, {"head": "raw"},
    {"blocks": ("mlp", "att", "mlp")}, {"blocks": ("both",), "mlp": "gated"},
    {"blocks": ("att", "att", "mlp"), "tokens": 3},
    {"norm": "layer", "d": 3, "m": 3, "o": 3, "own": 2, "beta": True, "biases": [True] * 16},
    {"head": "out"}, {"twist": "read beside", "head": "out", "m": 3},
    {"twist": "read beside", "head": "out", "norm": "layer", "d": 3, "m": 3}], ids=str)
def test_all_rows_tell_of_the_row_of_parameters(changed: dict[str, object]) -> None:
    network = joined(**changed)
    found = completeness(network)
    assert found.stop is None and found.bound == redundancy_of(network, 0)
    assert found.extent is Extent.RANGE, found.says
    assert found.second == AGREES or changed.get("head") == "out", found.second


def test_the_second_reading_counts_the_row_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(row_of_parameters, "Integer", lambda n: n + 1)
    found = completeness(joined(norm="layer", d=3, m=3, o=3))
    assert found.extent is Extent.OPEN and "a row of parameters" in found.second, found.second


def test_the_second_reading_asks_what_the_row_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sweep that forgets that the free rows see one another."""
    monkeypatch.setattr(
        stream, "beside_parameters", lambda sweep, parts, *given: given and (
            setattr(sweep, "mixed", True) or parts))
    found = completeness(joined(tokens=1))
    assert found.stop is None and found.second != AGREES
    assert not found.second.startswith("not asked")


@pytest.mark.parametrize(("changed", "reason"), [
    ({"tokens": 1}, "no row sees two tokens"), ({"eps": 0.0}, "a norm without epsilon"),
    ({"causal": True}, "it sees no row beside"), ({"blocks": ("mlp",)}, "no attention lets it"),
    ({"groups": 1}, "what it sees spans"), ({"act": "relu"}, "no smooth unit"),
    ({"twist": "row alone"}, "only some rows"), ({"twist": "row alone", "first": False}, "rows"),
    ({"twist": "two rows"}, "concatenate"), ({"twist": "same matrix"}, "concatenate"),
    ({"twist": "everywhere"}, "several places"),
    ({"twist": "turned", "rotary": True, "dk": 2}, "turned or normed"),
    ({"scores": "sigmoid"}, "without a normaliser"), ({"input": "raw"}, "no matrix"),
    ({"norm": "none"}, "no norm")], ids=str)
def test_other_rows_stop(changed: dict[str, object], reason: str) -> None:
    network = joined(**changed)
    found = sweep(network)
    assert found.stop is not None and reason in found.stop.reason, found.stop
    assert found.bound >= redundancy_of(network, 0)


def test_more_is_free_where_the_row_alone_is_read() -> None:
    """Of one block: what the free rows tell there is not seen."""
    network = joined(twist="row alone")
    assert redundancy_of(network, 0) > redundancy_of(joined(), 0)


@pytest.mark.parametrize("changed", [{"blocks": ("mlp",)}, {"causal": True}], ids=str)
def test_forgetting_what_the_row_sees_is_seen(
    changed: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What reads a row that sees no other reads a constant: a bound below P - rank."""
    network = joined(twist="read beside", head="out", **changed)
    assert sweep(network).stop is not None
    monkeypatch.setattr(row_of_parameters, "_needs", lambda *given: None)
    assert sweep(network).bound < redundancy_of(network, 0)
