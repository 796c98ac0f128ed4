"""Strategies of a proof: all are tried with a share of the products before one takes all."""

from fractions import Fraction

import torch
from torch import nn

from symgauge.capture import capture
from symgauge.families.coordinates import Coordinates
from symgauge.lie.fields import VectorField
from symgauge.proof.prover import BUDGET, FIRST, Prover
from symgauge.verdict import Verdict


class Padded(nn.Module):
    """Positions are counted without padding, which has a row of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(9, 4), nn.Embedding(5, 4)
        self.norm, self.out = nn.LayerNorm(4), nn.Linear(4, 2)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        there = (ids != 1).long()
        places = torch.cumsum(there, 1) * there + 1
        y: torch.Tensor = self.out(self.norm(self.words(ids) + self.places(places)))
        return y


def test_the_last_strategy_is_not_kept_waiting() -> None:
    """The padding's word against its place, which the last strategy alone proves."""
    network = capture(Padded().double().eval(), (torch.tensor([[2, 3, 4]]),)).network
    coordinates = Coordinates(network)
    one, other = (int(coordinates.whole(f"{name}.weight")[1, 0]) for name in ("words", "places"))
    prover = Prover(network)
    proof = prover.prove(VectorField.build([(one, Fraction(1)), (other, Fraction(-1))], []))
    assert proof.verdict is Verdict.PROVED
    assert prover.ring.budget <= BUDGET // FIRST
