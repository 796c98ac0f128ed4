"""Projective fields: a norm with epsilon of rows that are parameters alone keeps all of gl(n)."""

from fractions import Fraction

import pytest
import torch
from torch import nn

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.lie.fields import VectorField
from symgauge.proof.prover import Prover

TOKENS = (torch.arange(3)[None],)


class Table(nn.Module):
    """Rows of a table, normed, then read; `tied`: by the table itself too."""

    def __init__(
        self, words: int, size: int, out: int, eps: float = 1e-2, gain: bool = True,
        centred: bool = False, tied: bool = False,
    ) -> None:
        super().__init__()
        self.table = nn.Embedding(words, size)
        self.norm = nn.LayerNorm(size, eps=eps, bias=False) if centred else nn.RMSNorm(
            size, eps=eps, elementwise_affine=gain)
        self.read, self.tied = nn.Linear(size, out, bias=False), tied

    def forward(self, t: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.norm(self.table(t))
        return torch.cat([self.read(y), self.table(t)], -1) if self.tied else self.read(y)


@pytest.mark.parametrize(("module", "redundancy", "found"), [
    (Table(5, 2, 4), 6, 3), (Table(4, 2, 2, gain=False), 4, 3),
    (Table(4, 2, 2, eps=0.0), 7, 0), (Table(4, 2, 2, tied=True), 2, 0),
], ids=["gain", "plain", "no epsilon", "read besides"])
def test_symmetric_matrices_act(module: Table, redundancy: int, found: int) -> None:
    """d (d + 1) / 2 beside the rotations; none without epsilon, or where others read the rows."""
    derivation = symgauge.derive(module, TOKENS)
    assert derivation.redundancy == redundancy
    assert (derivation.unexplained, derivation.verdict) == (0, Verdict.PROVED)
    named = [f for f in derivation.families if f.label.startswith("projective field of ")]
    assert sum(f.dimension for f in named) == found
    assert not any(f.element.kind.is_finite for f in named)


def projective(c: Fraction) -> VectorField:
    """z S + c z (z S z^T) on four rows of two, for S = E_00, and -S on the two rows of a reader."""
    terms = []
    for row in range(4):
        i, j = 2 * row, 2 * row + 1
        terms += [(i, ((i, 1),), Fraction(1)), (i, ((i, 3),), c), (j, ((i, 2), (j, 1)), c)]
    terms += [(k, ((k, 1),), Fraction(-1)) for k in (8, 10)]
    return VectorField.collect(terms)


def test_the_prover_decides_the_constant() -> None:
    """c = 1 / (d eps), and no other; by the cases of the token."""
    network = capture(Table(4, 2, 2, gain=False), TOKENS).network
    verdicts = {c: Prover(network).prove(projective(Fraction(c))).verdict for c in (50, 49, 0)}
    assert verdicts == {50: Verdict.PROVED, 49: Verdict.UNKNOWN, 0: Verdict.UNKNOWN}
