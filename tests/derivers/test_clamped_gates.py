"""Clamps that small weights do not reach: the largest rank is that of cells where some do.

Where no clamp is reached (u + 1) may be scaled against what reads it, a direction for each unit;
that is no symmetry of the others, and the rank that is reported is the largest.
"""

import numpy as np
import torch
from torch import Tensor, nn

import symgauge
from symgauge import Verdict
from symgauge.capture import capture
from symgauge.points.cells import balanced_shadow, draw_reals, near_shadow

UNITS, WIDTH = 2, 4


class Gated(nn.Module):
    """A gate as gpt-oss has it, behind a norm that bounds what it reads."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(WIDTH, elementwise_affine=False)
        self.gate, self.up = (nn.Linear(WIDTH, UNITS) for _ in range(2))
        self.down = nn.Linear(UNITS, 3)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm(x)
        gate, up = self.gate(y).clamp(max=7.0), self.up(y).clamp(-7.0, 7.0)
        out: Tensor = self.down((up + 1) * gate * torch.sigmoid(1.7 * gate))
        return out


def test_the_largest_rank_is_that_of_reached_clamps() -> None:
    found = symgauge.derive(Gated().eval(), (torch.randn(2, WIDTH),))
    # 1^T on both readers of the norm, and nothing for 1 + u
    assert found.redundancy == found.orbit_dimension == 2 * UNITS
    assert found.verdict is Verdict.PROVED and found.verify().verdict is Verdict.PROVED


def test_a_balanced_point_reaches_clamps() -> None:
    network = capture(Gated().eval(), (torch.randn(2, WIDTH),), {}).network
    rng = np.random.default_rng(0)
    usual, _ = draw_reals(network, rng, 200)
    # |y| <= sqrt(d): what is drawn at random stays below 7 for nearly all
    bound = 2 * np.linalg.norm(usual["up.weight"], axis=-1) + abs(usual["up.bias"])
    assert (bound < 7).mean() > 0.95
    shadow = balanced_shadow(network, rng)
    assert (2 * np.linalg.norm(shadow["up.weight"], axis=-1) + abs(shadow["up.bias"]) > 7).all()


def test_a_point_beside_another_has_one_other_tensor() -> None:
    network = capture(Gated().eval(), (torch.randn(2, WIDTH),), {}).network
    rng = np.random.default_rng(1)
    shadow = balanced_shadow(network, rng)
    moved = []
    for _ in range(9):
        near = near_shadow(network, rng, shadow)
        moved.append(sum(not np.array_equal(near[n], v) for n, v in shadow.items()))
    assert set(moved) <= {0, 1} and any(moved)  # half of two entries may be none
