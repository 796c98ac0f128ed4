"""Spots at which values are looked at: evaluated together or one by one, they are the same."""

import numpy as np
import pytest
import torch
from made import Made
from torch import nn

from symgauge.capture import capture
from symgauge.certify.evidence import spots, transcendental
from symgauge.certify.evidence.residues import assumptions
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.program.lower import lower
from symgauge.program.network import Network

FIELD = PrimeField(next(primes()))
CLASSES = 9


def network() -> Network:
    """exp of a token's row and of a parameter."""
    module = Made(
        lambda m, ids: torch.exp(m.table(ids)) * torch.exp(m.w),
        table=nn.Embedding(CLASSES, 2), w=nn.Parameter(torch.randn(2)),
    ).double()
    return lower(capture(module, (torch.tensor([[1]]),)).network)


def tokens(found: Network) -> dict[str, np.ndarray]:
    return {found.inputs[0].name: np.eye(CLASSES)[:, None, None]}


def test_the_points_are_those_of_each_spot_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    found = network()
    where = spots.spots_of(found, tokens(found), {}, ("exp",))
    assert len(where) == CLASSES
    drawn = []
    for room in (spots.ROOM, 1):
        monkeypatch.setattr(spots, "ROOM", room)
        rng = np.random.default_rng(0)
        drawn.append(list(spots.points_at(found, FIELD, rng, 4, where, 5)))
    assert len(drawn[0]) == len(drawn[1]) == len(where)
    for together, alone in zip(*drawn, strict=True):
        assert together.valid.tolist() == alone.valid.tolist()
        for lines in ("lines", "along_inputs", "along_parameters"):
            for a, b in zip(getattr(together, lines), getattr(alone, lines), strict=True):
                assert (a is None) == (b is None)
                assert a is None or np.array_equal(*np.broadcast_arrays(a, b))


@pytest.mark.parametrize(("most", "said"), [
    (800, "proved (on the token sequences of the rank)"), (5, "(too many to test)"),
])
def test_too_many_arguments_are_not_counted_to_the_end(
    most: int, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = network()
    monkeypatch.setattr(transcendental, "MAX_COLUMNS", most)
    tested = assumptions(found, FIELD, np.random.default_rng(0), tokens(found))
    assert any(said in text for text in (*tested.shown, *tested.hypotheses)), tested
