"""What the tests of `certify` share: a derivation with a hypothesis, and the command line."""

from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import Tensor, nn

import symgauge
from symgauge import Verdict
from symgauge.cli.main import main


class TwoScales(nn.Module):
    """erf z beside erf 2z: exp(-4 z^2) = exp(-z^2)^4, so a hypothesis is left."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(1, 2, bias=False)
        self.last = nn.Linear(4, 1)

    def forward(self, x: Tensor) -> Tensor:
        z = self.first(x)
        value: Tensor = self.last(torch.cat([torch.erf(z), torch.erf(2 * z)], -1))
        return value


def unknown_derivation(folder: Path) -> Path:
    """A derivation.json that is UNKNOWN for that hypothesis, as that of more parameters is."""
    with patch("symgauge.derivation.derive.all_evidence", dict):
        derivation = symgauge.derive(TwoScales(), (torch.ones(1, 1),), name="two_scales")
    assert derivation.verdict is Verdict.UNKNOWN and derivation.hypotheses
    path = folder / "derivation.json"
    path.write_text(derivation.to_json(), encoding="utf-8")
    return path


def command(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    """Exit status, output and errors of a command; never a traceback."""
    status = main([str(a) for a in arguments])
    captured = capfd.readouterr()
    assert "Traceback" not in captured.err
    return status, captured.out, captured.err
