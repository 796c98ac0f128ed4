"""Every architecture of the zoo: its sizes, its numbers, and the derivation against them."""

import inspect
from typing import Any

import pytest

from symgauge import zoo
from symgauge.capture import capture
from symgauge.derivation import derive_network

#: Derived in seconds; the others are slow.
FAST = ("attention", "convolutional", "deep_set", "glu", "linear_neural_ode", "low_rank_adapter",
        "mixture_of_experts", "mlp", "recurrent")
ENTRIES = [(name, entry) for name in zoo.names() for entry in zoo.load(name).EXPECTED]


def _trainable(module: Any) -> int:
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


@pytest.mark.parametrize("name", zoo.names())
def test_an_architecture_states_its_sizes_and_numbers(name: str) -> None:
    module = zoo.load(name)
    taken = inspect.signature(module.factory).parameters
    assert all(p.default is not inspect.Parameter.empty for p in taken.values())
    assert set(module.FULL) <= set(taken)
    assert module.EXPECTED and module.REFERENCE and module.__doc__


@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_the_number_of_parameters(name: str, entry: dict[str, Any]) -> None:
    made, *_ = zoo.load(name).factory(**entry["sizes"])
    assert _trainable(made) == entry["parameters"]


def _check(name: str, entry: dict[str, Any]) -> None:
    made, args, *rest = zoo.load(name).factory(**entry["sizes"])
    kwargs = rest[0] if rest else None
    derivation = derive_network(capture(made, args, kwargs).network, name=name)
    assert derivation.redundancy == entry["redundancy"]
    expected = entry["orbit_dimension"]
    assert derivation.orbit_dimension == (expected if expected is not None else
                                          derivation.orbit_dimension)
    assert derivation.orbit_dimension <= entry["redundancy"]


@pytest.mark.parametrize("name", FAST)
def test_the_first_numbers_are_derived(name: str) -> None:
    _check(name, zoo.load(name).EXPECTED[0])


@pytest.mark.slow
@pytest.mark.parametrize(("name", "entry"), ENTRIES)
def test_all_numbers_are_derived(name: str, entry: dict[str, Any]) -> None:
    _check(name, entry)
