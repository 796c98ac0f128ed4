"""Pieces that are decomposed once give the program that torch makes of the whole."""

from typing import Any

import pytest
import torch

from symgauge.capture import capture
from symgauge.capture import exported
from symgauge.exports import decomposed as pieces
from symgauge.program.serial import digest_of


class Block(torch.nn.Module):
    """A norm, a product, and a tensor that is filled in place."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.inner = torch.nn.LayerNorm(4), torch.nn.Linear(4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = torch.nn.functional.gelu(self.inner(self.norm(x)))
        turned = torch.zeros_like(y)
        turned[..., :2] = -y[..., 2:]
        turned[..., 2:] = y[..., :2]
        first, second = turned.split(2, -1)
        return x + torch.cat((second * first, first), -1)


class InPlace(torch.nn.Module):
    """Blocks that change what they are given, which was there before."""

    def __init__(self) -> None:
        super().__init__()
        self.weights = torch.nn.ParameterList(torch.randn(4) for _ in range(8))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for w in self.weights:
            x.mul_(w)
        return x


def both(
    module: torch.nn.Module, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, str, list[int]]:
    """The program by pieces and whole, and how many different pieces there were."""
    seen: list[int] = []
    bodies = pieces.bodies_of

    def counted(found: Any, table: Any) -> Any:
        seen.append(len(found))
        return bodies(found, table)

    monkeypatch.setattr(pieces, "bodies_of", counted)
    example = (torch.randn(3, 4),)
    one = digest_of(capture(module, example).network)
    monkeypatch.setattr(exported, "decomposed", lambda p, table: p.run_decompositions(dict(table)))
    return one, digest_of(capture(module, example).network), seen


def test_blocks_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, seen = both(torch.nn.Sequential(*(Block() for _ in range(6))), monkeypatch)
    assert one == other
    assert len(seen) == 1 and seen[0] < 20  # those of one block


def test_what_changes_its_input_is_left_to_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    one, other, seen = both(InPlace(), monkeypatch)
    assert one == other and not seen


def test_calls_that_differ_in_shape_are_different(monkeypatch: pytest.MonkeyPatch) -> None:
    module = torch.nn.Sequential(*(torch.nn.Linear(4, 4) for _ in range(5)), torch.nn.Linear(4, 3))
    one, other, seen = both(module, monkeypatch)
    assert one == other and seen == [2]
