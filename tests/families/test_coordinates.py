"""Coordinates of what a family moves: how many there are, at any size."""

from types import SimpleNamespace
from typing import Any

import pytest

import symgauge
from symgauge import zoo
from symgauge.capture import load_target
from symgauge.families.coordinates import Coordinates
from symgauge.families.family import Move, Place


@pytest.mark.parametrize("name", ["attention", "gpt2_like", "llama_like", "recurrent"])
def test_copies_and_sizes_are_those_of_the_coordinates(name: str) -> None:
    derivation = symgauge.derive_target(load_target(name, zoo.load, {}))
    coordinates, seen = Coordinates(derivation.network()), 0
    for move in (m for g in derivation.generators for m in g.action):
        index = coordinates.read(move) if move.source else coordinates.moved(move)
        assert coordinates.counts(move) == index.shape[:2]
        seen += index.shape[:2] != (1, 1)
    assert seen


def test_nothing_is_allocated_for_them() -> None:
    """A tensor of 2^58 entries, two heads of four columns each."""
    network: Any = SimpleNamespace(
        parameters=[SimpleNamespace(name="w", shape=(1 << 40, 1 << 18))], num_coordinates=1 << 58,
        added={})
    at = Place(1, 8, (2, 4), 1, (0,))
    assert Coordinates(network).counts(Move("w", "g", at)) == (2, 4)
