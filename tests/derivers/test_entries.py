"""Scalings of channels between grouped convolutions: a group and a place in it number them."""

import pytest
import torch
from torch import nn

from symgauge.capture import capture
from symgauge.derivers.exact import ExactDeriver
from symgauge.determining.entries import scalings_of_entries
from symgauge.determining.search import Search


def grouped(groups: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 4, 1), nn.ReLU(), nn.Conv2d(4, 4, 3, padding=1, groups=groups),
        nn.ReLU(), nn.Conv2d(4, 2, 1))


@pytest.mark.parametrize("groups", [2, 4])
def test_every_channel_is_scaled(groups: int) -> None:
    torch.manual_seed(0)
    network = capture(grouped(groups), (torch.randn(1, 2, 3, 3),), {}).network
    found = ExactDeriver(network, 0).run()
    # one number for each of the four channels of either layer
    assert found.parameters - found.rank == 8 and found.unexplained == 0


def test_each_scaling_is_one_of_a_channel() -> None:
    network = capture(grouped(2), (torch.randn(1, 2, 3, 3),), {}).network
    deriver = ExactDeriver(network, 0)
    families = list(scalings_of_entries(Search(network, deriver.field, deriver.rng)))
    assert len(families) == 8 and all(len(f.fields) == 1 for f in families)
    # two weights and a bias, and nine taps of each of the two channels that read them
    assert len(families[0].fields[0].terms) == 2 + 1 + 2 * 9
