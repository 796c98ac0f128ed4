"""Walls of what is bounded: that each is reached is asked for, and printed."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from known_networks import KnownNetwork, real
from torch import Tensor

from symgauge.capture import capture
from symgauge.completeness.complete import AGREES, Extent, completeness
from symgauge.report.completeness import facts_of, paragraphs

WORDS = "every wall is reached"
Formula = Callable[[Any, Tensor], Tensor]


def rms(z: Tensor) -> Tensor:
    return z * torch.rsqrt((z * z).mean(-1, keepdim=True) + 1e-2)


@pytest.mark.parametrize(("shapes", "formula", "asked"), [
    ("W:3x2 c:2 V:2x2", lambda p, x: torch.relu(x @ p.W + p.c) @ p.V, False),
    ("A:3x3 W:3x2 V:2x2", lambda p, x: torch.relu(x @ p.A @ p.W) @ p.V, False),
    ("A:3x2 W:2x2 c:2 V:2x2",
     lambda p, x: torch.relu(torch.tanh(x @ p.A) @ p.W + p.c) @ p.V, True),
    ("A:3x3 g:3 W:3x2 c:2 V:2x3 U:3x3",
     lambda p, x: (x @ p.A + torch.relu(rms(x @ p.A) * p.g @ p.W + p.c) @ p.V) @ p.U, True),
    ("W:3x2 U:3x2 V:2x2", lambda p, x: (torch.relu(x @ p.W) * (x @ p.U)) @ p.V, False),
    ("A:3x3 W:3x2 c:2 U:3x2 d:2 V:2x2", lambda p, x: (
        torch.relu(torch.tanh(x @ p.A) @ p.W + p.c) * (torch.tanh(x @ p.A) @ p.U + p.d)) @ p.V,
     True),
], ids=["free", "a chain", "units", "a norm", "gates", "gates of units"])
def test_what_is_said_of_walls(shapes: str, formula: Formula, asked: bool) -> None:
    found = completeness(capture(KnownNetwork(shapes, formula), (real(1, 3),)).network)
    assert found.extent in (Extent.RANGE, Extent.HERE) and found.second == AGREES
    record = found.plain()
    printed = dict(facts_of(record))["range"]
    assert [WORDS in said for said in (found.range, printed, paragraphs(record))] == [asked] * 3
