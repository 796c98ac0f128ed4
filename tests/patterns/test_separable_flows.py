"""A clock that stands apart in a field: its integral is all that is seen of it."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import Linear, Module, Parameter

import symgauge
from symgauge.capture import capture
from symgauge.nn import OdeFlow
from symgauge.program.network import CLOCKS
from symgauge.verdict import Verdict

Clock = Callable[["Field", Tensor], Tensor]


class Field(Module):
    """clock(t) tanh(W x + b)."""

    def __init__(self, clock: Clock, outside: bool = True) -> None:
        super().__init__()
        self.p = Parameter(torch.rand(3) + 0.5)
        self.each = Parameter(torch.rand(2) + 0.5)
        self.linear = Linear(2, 2)
        self.clock, self.outside = clock, outside

    def forward(self, t: Tensor, x: Tensor) -> Tensor:
        a = self.clock(self, t)
        inner = self.linear(x)
        return a * torch.tanh(inner) if self.outside else torch.tanh(a * inner)


def derived(clock: Clock, t0: float = 0.0, t1: float = 1.0, outside: bool = True) -> Any:
    torch.manual_seed(0)
    field = Field(clock, outside)
    return symgauge.derive(OdeFlow(field, t0, t1), (torch.randn(2),))


#: name: clock, t0, t1, P, unread, redundancy. The rest of P, W and b, is 6.
SEEN: dict[str, tuple[Clock, float, float, int, int, int]] = {
    "p + q t": (lambda f, t: f.p[0] + f.p[1] * t, 0.0, 1.0, 8, 3, 1),
    "p + q t, other times": (lambda f, t: f.p[0] + f.p[1] * t, 0.5, 2.0, 8, 3, 1),
    "p + q t + r t^2": (lambda f, t: f.p[0] + f.p[1] * t + f.p[2] * t**2, 0.0, 1.0, 9, 2, 2),
    "(1 + t) p": (lambda f, t: (1 + t) * f.p[0], 0.0, 1.0, 7, 4, 0),
    # nothing at all is seen of a flow that comes back
    "1 - 2t": (lambda f, t: 1 - 2 * t, 0.0, 1.0, 0, 11, 0),
    "1 - 2t, not back": (lambda f, t: 1 - 2 * t, 0.0, 2.0, 6, 5, 0),
}


@pytest.mark.parametrize("name", SEEN)
def test_the_integral_of_the_clock_is_seen_and_no_more(name: str) -> None:
    clock, t0, t1, parameters, unread, redundancy = SEEN[name]
    found = derived(clock, t0, t1)
    assert (found.parameters, found.unread, found.redundancy) == (parameters, unread, redundancy)
    assert found.verdict is Verdict.PROVED and not found.hypotheses
    # of other durations than the module's it says nothing
    assert found.scope.endswith(CLOCKS)
    assert found.verify().verdict is Verdict.PROVED


#: What is no clock that stands apart: entries with clocks of their own, a clock inside, sin t.
KEPT: dict[str, tuple[Clock, bool]] = {
    "entries": (lambda f, t: f.p[0] + f.each * t, True),
    "inside": (lambda f, t: f.p[0] + f.p[1] * t, False),
    "no polynomial": (lambda f, t: f.p[0] + f.p[1] * torch.sin(t), True),
}


@pytest.mark.parametrize("name", KEPT)
def test_other_clocks_are_left_as_they_are(name: str) -> None:
    clock, outside = KEPT[name]
    torch.manual_seed(0)
    network = capture(OdeFlow(Field(clock, outside)), (torch.randn(2),)).network
    assert CLOCKS not in network.held
    (field,) = [n.body for n in network.nodes if n.body is not None]
    assert any(x.name == "t" for x in field.inputs)


def test_a_clock_for_each_entry_is_no_reparametrisation() -> None:
    """p + q_i t with one p and two q: both integrals are seen, and the order of the two speeds."""
    found = derived(lambda f, t: f.p[0] + f.each * t)
    assert (found.redundancy, found.closed) == (0, True)


def test_a_factor_of_all_is_a_factor_of_the_integral() -> None:
    """time_scale a(t) u(x): the factor and the clock scale against each other besides."""
    torch.manual_seed(0)
    flow = OdeFlow(
        Field(lambda f, t: f.p[0] + f.p[1] * t), time_scale=Parameter(torch.tensor(0.8)))
    found = symgauge.derive(flow, (torch.randn(2),))
    assert (found.parameters, found.redundancy, found.verdict) == (9, 2, Verdict.PROVED)
