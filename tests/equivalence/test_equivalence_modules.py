"""Equivalence algebras of torch modules, and the command."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Linear, Module, Parameter, ReLU, Sequential, Tanh

import symgauge
from symgauge.cli.main import main
from symgauge.errors import CaptureError
from symgauge.nn import OdeFlow
from symgauge.verdict import Verdict


class Leaky(Module):
    """-Lam x + act(W x + b)."""

    def __init__(self, n: int, act: Any) -> None:
        super().__init__()
        self.rate, self.linear, self.act = Parameter(torch.rand(n)), Linear(n, n), act

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = -self.rate * x + self.act(self.linear(x))
        return out


def mlp(n: int, h: int, act: Module) -> Module:
    return Sequential(Linear(n, h), act, Linear(h, n))


CASES: dict[str, tuple[Module, dict[str, Any], str, int, int]] = {
    "linear": (Linear(3, 3, bias=False), {}, "gl(3,R)", 9, 0),
    "affine": (Linear(3, 3), {}, "aff(3,R)", 12, 0),
    "tanh MLP": (mlp(3, 3, Tanh()), {}, "aff(3,R)", 12, 0),
    "ReLU MLP": (mlp(2, 3, ReLU()), {}, "aff(2,R)", 6, 3),
    "leaky tanh": (Leaky(3, torch.tanh), {"degree": 2}, "0", 0, 0),
    "leaky ReLU": (Leaky(3, torch.relu), {}, "R^3 (positive diagonal)", 3, 0),
    "leaky ReLU, D(t)": (
        Leaky(3, torch.relu), {"time_degree": 1, "moving": True},
        "R^3 (positive diagonal), coefficients of degree 1 in t", 6, 0),
}


@pytest.mark.parametrize("name", CASES)
def test_modules(name: str) -> None:
    module, options, algebra, dimension, gauge = CASES[name]
    n = module.linear.in_features if isinstance(module, Leaky) else (
        module[0].in_features if isinstance(module, Sequential) else 3)
    found = symgauge.equivalence_algebra(module, state=torch.zeros(n), **options)
    assert (found.algebra, found.dimension, found.gauge) == (algebra, dimension, gauge)
    assert found.verdict is Verdict.PROVED


def test_the_leak_follows_the_diagonal() -> None:
    """xi = t x_i: d Lam_i = -1, and W, b move as D(t) does."""
    found = symgauge.equivalence_algebra(
        Leaky(2, torch.relu), state=torch.zeros(2), time_degree=1, moving=True)
    (moved,) = [g.parameters for g in found.generators if g.xi == "(t x1) d/dx1"]
    assert "d rate[0] = -1" in moved and "d linear.weight[0,1] = t linear.weight[0,1]" in moved


def test_the_field_of_a_flow_in_a_module() -> None:
    torch.manual_seed(0)
    flow = OdeFlow(mlp(2, 3, Tanh()))
    found = symgauge.equivalence_algebra(
        Sequential(Linear(4, 2), flow, Linear(2, 1)), state=(torch.zeros(1, 4),))
    assert found.algebra == "aff(2,R)" and found.state == 2
    two = Sequential(OdeFlow(Linear(2, 2)), OdeFlow(mlp(2, 3, Tanh())))
    with pytest.raises(CaptureError, match="flows of 2 vector fields"):
        symgauge.equivalence_algebra(two, state=(torch.zeros(1, 2),))


def test_a_module_of_another_shape_is_refused() -> None:
    with pytest.raises(symgauge.BadInputError, match="shape of its state"):
        symgauge.equivalence_algebra(Linear(2, 3), state=torch.zeros(2))


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("fields") / "fields.py"
    path.write_text(
        "import torch\nfrom torch.nn import Linear, Sequential, Tanh\n\n\n"
        "def factory(n=2, h=3):\n"
        "    return Sequential(Linear(n, h), Tanh(), Linear(h, n)), (torch.zeros(n),)\n"
    )
    return f"{path}:factory"


def test_command(target: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tex = tmp_path / "e.tex"
    assert main(["equivalence", target, "--degree", "2", "--latex", str(tex)]) == 0
    shown = capsys.readouterr().out
    assert "aff(2,R)" in shown and max(map(len, shown.splitlines())) <= 80
    assert r"\documentclass" in tex.read_text()
    assert main(["equivalence", target, "--set", "n=1", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["dimension"] == 2


def test_command_refuses(target: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["equivalence", target, "--degree", "minus"]) == 3
    assert main(["equivalence", target, "--degree", "60"]) == 3
    assert "lower the degree" in capsys.readouterr().err
