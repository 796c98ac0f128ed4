"""odeint of torchdiffeq inside a module is read as flows, however the module got hold of it."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import torchdiffeq
from torch import Tensor
from torch.nn import Linear, Module, Parameter
from torchdiffeq import odeint, odeint_adjoint

import symgauge
from symgauge.capture import capture
from symgauge.errors import CaptureError
from symgauge.nn import OdeFlow
from symgauge.verdict import Verdict


class Field(Module):
    def __init__(self) -> None:
        super().__init__()
        self.into, self.out = Linear(2, 3), Linear(3, 2)

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        out: Tensor = self.out(torch.tanh(self.into(x)))
        return out


IMPL: Any = sys.modules["torchdiffeq._impl.odeint"]
Call = Callable[["Net", Tensor, Tensor], Tensor]


class Net(Module):
    """A flow between linear maps; `call` is what integrates: of itself, the start, and the input.
    """

    def __init__(self, call: Call) -> None:
        super().__init__()
        self.enc, self.field, self.dec = Linear(1, 2), Field(), Linear(2, 1)
        self.register_buffer("t", torch.tensor([0.0, 1.0]))
        self.times = Parameter(torch.tensor([0.0, 1.0]))
        self.call = call

    def velocity(self, t: Tensor, x: Tensor) -> Tensor:
        out: Tensor = self.field(t, x)
        return out

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.dec(self.call(self, self.enc(x), x))
        return out


READ: dict[str, Call] = {
    "a buffer": lambda m, z, x: odeint(m.field, z, m.t)[-1],
    "times made on the way": lambda m, z, x: odeint(m.field, z, torch.tensor([0.0, 0.5]))[-1],
    "fixed steps": lambda m, z, x: odeint(m.field, z, m.t, method="euler")[-1],
    "a function": lambda m, z, x: odeint(lambda t, y: m.field(t, y), z, m.t)[-1],
    "a method": lambda m, z, x: torchdiffeq.odeint(m.velocity, z, m.t)[-1],
    "the adjoint": lambda m, z, x: odeint_adjoint(m.field, z, m.t)[-1],
    "several times": lambda m, z, x: odeint(m.field, z, torch.linspace(0, 1, 3))[1:].sum(0),
    "back in time": lambda m, z, x: odeint(m.field, z, torch.tensor([1.0, 0.0]))[-1],
    "two calls": lambda m, z, x: odeint(m.field, odeint(m.field, z, m.t)[-1], m.t)[-1],
    "beside an OdeFlow": lambda m, z, x: odeint(m.field, m.flow(z), m.t)[-1],
}


@pytest.mark.parametrize("name", READ)
def test_a_call_is_a_flow(name: str) -> None:
    torch.manual_seed(0)
    module = Net(READ[name])
    if name == "beside an OdeFlow":
        module.flow = OdeFlow(module.field)
    network = capture(module, (torch.randn(1, 1),)).network
    flows = [n for n in network.nodes if n.body is not None]
    assert len(flows) == 1 + (name in ("several times", "two calls", "beside an OdeFlow"))
    # nothing of torchdiffeq is left changed
    assert "symgauge" not in IMPL.SOLVERS
    assert IMPL._check_inputs.__module__.startswith("torchdiffeq")


def test_the_derivation_is_that_of_an_odeflow() -> None:
    torch.manual_seed(0)
    found = symgauge.derive(Net(READ["a buffer"]), (torch.randn(1, 1),))
    assert (found.parameters, found.unread, found.redundancy) == (24, 2, 6)
    assert (found.algebra.form, found.verdict) == ("aff(2,R)", Verdict.PROVED)


REFUSED: dict[str, tuple[Call, str]] = {
    "two tensors": (
        lambda m, z, x: odeint(lambda t, y: (m.field(t, y[0]), y[1]), (z, z), m.t)[0][-1],
        "state of several tensors; write .* symgauge.nn.OdeFlow"),
    "an event": (
        lambda m, z, x: odeint(m.field, z, m.t, event_fn=lambda t, y: y.sum() - 3.0)[1][-1],
        "event function; write .* symgauge.nn.OdeFlow"),
    "trained times": (
        lambda m, z, x: odeint(m.field, z, m.times)[-1],
        "times that are trained; .*time_scale"),
    # the field is taken from the first call: what it was given there is no constant
    "a field that reads the input": (
        lambda m, z, x: odeint(lambda t, y: m.field(t, y + x), z, m.t)[-1], "differs from the mod"),
    "times that depend on the input": (
        lambda m, z, x: odeint(m.field, z, torch.stack([x.sum() * 0, 1 + x.sum() ** 2]))[-1],
        "differs from the module"),
    "no order": (
        lambda m, z, x: odeint(m.field, z, torch.tensor([0.0, 1.0, 0.5]))[-1], "increasing"),
    "inside a field": (
        lambda m, z, x: odeint(
            lambda t, y: odeint(m.field, y, m.t)[-1], z, m.t)[-1], "calls odeint itself"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_flow_of_a_field_is_refused(name: str) -> None:
    call, sentence = REFUSED[name]
    torch.manual_seed(0)
    with pytest.raises(CaptureError, match=sentence):
        capture(Net(call), (torch.randn(1, 1),))
    assert "symgauge" not in IMPL.SOLVERS


def test_from_a_target_to_a_check_that_passes(tmp_path: Path) -> None:
    """The generated check takes fixed steps in place of the adaptive ones."""
    from symgauge.cli.main import main

    path = tmp_path / "node.py"
    path.write_text(
        "import torch\n"
        "from torch.nn import Linear, Module\n"
        "from torchdiffeq import odeint\n\n\n"
        "class Net(Module):\n"
        "    def __init__(self):\n"
        "        super().__init__()\n"
        "        self.enc, self.dec = Linear(1, 2), Linear(2, 1)\n"
        "        self.into, self.out = Linear(2, 3), Linear(3, 2)\n\n"
        "    def field(self, t, x):\n"
        "        return self.out(torch.tanh(self.into(x)))\n\n"
        "    def forward(self, x):\n"
        "        return self.dec(odeint(self.field, self.enc(x), torch.tensor([0.0, 1.0]))[-1])\n"
        "\n\ndef factory():\n    return Net(), (torch.randn(1, 1),)\n")
    out = tmp_path / "out"
    target: Any = f"{path}:factory"
    assert main(["derive", target, "--out", str(out)]) == 0
    assert main(["verify", str(out / "derivation.json"), "--target", target]) == 0
    assert main(["check", str(out / "derivation.json")]) == 0
