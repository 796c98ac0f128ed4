"""Buffers that are made parameters, so that permutations may move them."""

import pytest
import torch
from torch import nn

from symgauge.capture import without_weights
from symgauge.capture import capture, capture_with_statistics
from symgauge.capture.statistics import free_statistics
from symgauge.program.outline import outline_digest


class Held(nn.Module):
    """A buffer u, and what else lies in its memory."""

    def __init__(self, other: str) -> None:
        super().__init__()
        u = torch.randn(3)
        if other == "parameter":
            self.w = nn.Parameter(u, requires_grad=False)
        if other == "view of a parameter":
            self.w = nn.Parameter(torch.randn(2, 3))
            u = self.w.detach()[0]
        self.register_buffer("u", u)
        self.register_buffer("alone", torch.randn(3))
        if other == "name":
            self.register_buffer("v", u)
        if other == "name that is not saved":
            self.register_buffer("v", u, persistent=False)
        if other == "view":
            self.register_buffer("v", u[1:])
        if other == "array":
            self.register_buffer("v", torch.from_numpy(u.numpy()))
        if other == "attribute":
            self.kept = [u]
        if other == "part":
            self.part = nn.Module()
            self.part.register_buffer("v", u.view(3, 1))


@pytest.mark.parametrize("other", [
    "name", "name that is not saved", "view", "array", "attribute", "part", "parameter",
    "view of a parameter"])
def test_a_buffer_that_has_another_name_stays_a_constant(other: str) -> None:
    """One name would move and the other stay: a permutation that the module does not have."""
    with without_weights():
        module = Held(other)
    assert free_statistics(module) == ["alone"]
    assert module.w.is_meta if "parameter" in other else "u" in dict(module.named_buffers())


def test_one_part_under_two_names_has_its_buffers_once() -> None:
    part = nn.BatchNorm1d(3)
    module = nn.Sequential(part, nn.ReLU(), part)
    assert free_statistics(module) == ["0.running_mean", "0.running_var"]


def test_a_program_is_read_with_its_statistics_from_the_same_export() -> None:
    """As if they had been parameters when the module was exported."""
    def made() -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Conv1d(2, 3, 1), torch.nn.BatchNorm1d(3), torch.nn.ReLU(),
            torch.nn.Conv1d(3, 2, 1)).eval()

    example = (torch.randn(1, 2, 4),)
    found = capture_with_statistics(made(), example, {}, None, "logits")
    module = made()
    names = free_statistics(module)
    with torch.no_grad():
        before = capture(module, example, meta=True).network
    assert found.freed is not None
    network, freed = found.freed
    assert freed == names == ["1.running_mean", "1.running_var"]
    assert outline_digest(network) == outline_digest(before) != outline_digest(found.network)
