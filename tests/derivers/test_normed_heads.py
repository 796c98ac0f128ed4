"""Queries and keys that are normed head by head, with gains, before a rotary table (Qwen3, OLMo).

Both gains of a pair may be scaled by one number where the keys' are by its inverse; single entries
may not, and no rotation of a pair is left.
"""

import pytest
import torch
from rotary_pairs import turned
from structural_referee import referee
from torch import Tensor, nn

import symgauge
from symgauge.capture import capture

TOKENS, WIDTH, HEADS = 3, 5, 2


class Attention(nn.Module):
    """The scores of heads whose queries and keys have norms of their own."""

    def __init__(self, size: int, pairs: str, turn: bool = True, still: int = 0) -> None:
        super().__init__()
        self.size, self.pairs, self.turn, self.still = size, pairs, turn, still
        self.q, self.k = (nn.Linear(WIDTH, HEADS * size, bias=False) for _ in "qk")
        self.q_norm, self.k_norm = (nn.RMSNorm(size, eps=1e-3) for _ in "qk")

    def forward(self, x: Tensor) -> Tensor:
        q, k = (
            norm(read(x).view(TOKENS, HEADS, self.size)).transpose(0, 1)
            for read, norm in ((self.q, self.q_norm), (self.k, self.k_norm)))
        if self.turn:
            cut = self.size - self.still
            q, k = (
                torch.cat((turned(y[..., :cut], self.pairs), y[..., cut:]), -1) for y in (q, k))
        return torch.softmax(q @ k.transpose(-1, -2), -1)


@pytest.mark.parametrize(("size", "pairs", "turn", "dimension"), [
    (4, "halves", True, 2), (4, "neighbours", True, 2), (6, "halves", True, 3),
    (2, "halves", True, 1), (4, "halves", False, 4),
])
def test_one_scaling_for_each_pair(size: int, pairs: str, turn: bool, dimension: int) -> None:
    torch.manual_seed(0)
    network = capture(Attention(size, pairs, turn), (torch.randn(TOKENS, WIDTH),), {}).network
    found = referee(network)
    assert found.sound, found
    assert found.rank == found.redundancy == found.dimension
    gains = [f for f in found.families if {"q_norm.weight", "k_norm.weight"} == set(f.tensors)]
    assert sum(len(f.fields) for f in gains) >= dimension
    moved = {m.parameter for f in found.families for m in f.moves}
    assert moved >= {"q_norm.weight", "k_norm.weight"}


@pytest.mark.parametrize("pairs", ["halves", "neighbours"])
def test_entries_that_are_not_turned_are_scaled_by_themselves(pairs: str) -> None:
    """Two pairs, and two entries beside them: one number for all gains is no further scaling."""
    torch.manual_seed(0)
    network = capture(Attention(6, pairs, still=2), (torch.randn(TOKENS, WIDTH),), {}).network
    found = referee(network)
    assert found.sound, found
    assert found.rank == found.redundancy == found.dimension == 4


def test_two_rescalings_of_the_same_tensors_are_told_apart() -> None:
    """That of the turned entries and that of the others: a record does not say one thing twice."""
    torch.manual_seed(0)
    found = symgauge.derive(Attention(6, "neighbours", still=2), (torch.randn(TOKENS, WIDTH),))
    labels = [e.label for e in found.discrete]
    assert len(set(labels)) == len(labels)
    assert sum(label.startswith("s = -1 in the rescaling of") for label in labels) == 2
    assert found.verify().verdict is symgauge.Verdict.PROVED
