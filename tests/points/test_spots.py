"""Spots at which values are looked at: evaluated together or one by one, they are the same."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from made import Made
from torch import Tensor, nn

import symgauge
from symgauge.capture import capture
from symgauge.certify.evidence import transcendental
from symgauge.certify.evidence.residues import assumptions
from symgauge.exact.prime_field import PrimeField, primes
from symgauge.points import spots
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


@pytest.mark.parametrize("root", [torch.sqrt, lambda a: torch.sqrt(a * a + 3)])
def test_values_of_two_cells_are_compared_at_one_theta(root: Callable[[Tensor], Tensor]) -> None:
    """exp(2 q) in one cell is exp(q)^2 in the other, q a root of a parameter alone."""
    def forward(m: Made, x: Tensor) -> Tensor:
        q = root(m.a)
        e = torch.exp(torch.where(x > 0, 2 * q, q))
        return m.c ** 2 + torch.where(x > 0, e, e * e)

    module = Made(forward, a=nn.Parameter(torch.tensor([0.7])), c=nn.Parameter(torch.ones(1)))
    for seed in range(3):
        found = symgauge.derive(module, (torch.tensor([[0.3]]),), seed=seed)
        assert found.rank <= 1 and found.verdict is symgauge.Verdict.UNKNOWN
