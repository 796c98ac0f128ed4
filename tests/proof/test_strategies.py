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


class Pooled(nn.Module):
    """Attention of one query, made of parameters alone, over values behind a norm."""

    def __init__(self) -> None:
        super().__init__()
        self.probe, self.norm = nn.Parameter(torch.randn(3)), nn.LayerNorm(3)
        self.query, self.key, self.value = (nn.Linear(3, 2) for _ in range(3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        seen = torch.softmax(self.key(y) @ self.query(self.probe), -1)
        z: torch.Tensor = self.norm(x + seen @ self.value(y) @ self.query.weight)
        return z


def test_a_query_of_parameters_alone_stays_a_polynomial() -> None:
    """key.weight += A q for an antisymmetric A, q = W p + b: what reads q k alone is left as it is.
    """
    network = capture(Pooled().double().eval(), (torch.randn(1, 4, 3),)).network
    at = {n: Coordinates(network).whole(n) for n in ("probe", "query.weight", "query.bias")}
    key = Coordinates(network).whole("key.weight")

    def moved(sign: int) -> VectorField:
        terms: list[tuple[int, tuple[tuple[int, int], ...], Fraction]] = []
        for a, b, s in ((0, 1, 1), (1, 0, sign)):
            terms.append((int(key[a, 0]), ((int(at["query.bias"][b]), 1),), Fraction(s)))
            terms += [
                (int(key[a, 0]), tuple(sorted([(int(w), 1), (int(p), 1)])), Fraction(s))
                for w, p in zip(at["query.weight"][b], at["probe"], strict=True)]
        return VectorField.collect(terms)

    few = 1000  # products; with nothing but symbols of leaves it takes more
    assert Prover(network).prove(moved(-1), few).verdict is Verdict.PROVED
    assert Prover(network).prove(moved(1), few).verdict is Verdict.UNKNOWN
