"""torchdiffeq's odeint inside a module: while a module is captured, its calls are flows.

The vector field is what odeint is given, and so are the times: one flow for each interval. Beside
the export the calls are integrated as OdeFlow does at capture, by tight tolerances.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor

from symgauge.errors import BadInputError, CaptureError
from symgauge.nn.ode_flow import OdeFlow, make_exact

#: The name of the method under which torchdiffeq finds what stands for its solvers.
METHOD = "symgauge"
REMEDY = "write that part of the module as a layer symgauge.nn.OdeFlow"


class Calls:
    """The calls of odeint that a module makes, in order: the flows of each."""

    def __init__(self) -> None:
        self.recorded: list[list[OdeFlow]] = []
        self._recording = False
        self._next: int | None = None
        self._inside = False

    @property
    def flows(self) -> list[OdeFlow]:
        """Those of all calls."""
        return [flow for call in self.recorded for flow in call]

    @contextmanager
    def record(self) -> Iterator[None]:
        """Within it a run of the module records its calls."""
        self.recorded, self._recording = [], True
        try:
            yield
        finally:
            self._recording = False

    @contextmanager
    def replayed(self) -> Iterator[None]:
        """Within it the calls are the recorded ones, each flow one op."""
        self._next = 0
        try:
            yield
        finally:
            self._next = None

    def integrate(self, func: Callable[..., Any], start: Tensor, times: Tensor) -> Tensor:
        """The states at all times, the start first."""
        if self._inside:
            raise CaptureError(
                "a vector field calls odeint itself; take flows one after the other")
        states = [start]
        if self._next is not None:
            if self._next >= len(self.recorded):
                raise CaptureError(
                    f"the module calls odeint more often than when it ran first; {REMEDY}")
            flows = self.recorded[self._next]
            self._next += 1
            own = [p for p in func.parameters() if p.requires_grad] if isinstance(
                func, torch.nn.Module) else []
            for flow in flows:
                states.append(torch.ops.symgauge.ode_flow(states[-1], own, flow._place))
            return torch.stack(states)
        flows = _flows(func, times)
        if self._recording:
            self.recorded.append(flows)
        self._inside = True
        try:
            for flow in flows:
                states.append(flow.integrate(states[-1]))
        finally:
            self._inside = False
        return torch.stack(states)


def _flows(func: Callable[..., Any], times: Tensor) -> list[OdeFlow]:
    """One flow for each interval."""
    if times.requires_grad:
        raise CaptureError(
            "odeint is called with times that are trained; write a layer symgauge.nn.OdeFlow, "
            "whose time_scale may be")
    points = times.detach().tolist()
    try:
        found = [OdeFlow(func, a, b) for a, b in zip(points, points[1:], strict=False)]
    except BadInputError as error:
        raise CaptureError(f"odeint: {error}") from error
    for flow in found:
        flow._takes_time = True
        make_exact(flow)
    return found


@contextmanager
def odeint_as_flows() -> Iterator[Calls]:
    """While open, odeint and odeint_adjoint of torchdiffeq do what `Calls.integrate` does.

    However a module got hold of them: what they look up is replaced, not they themselves.
    Nothing is imported: where torchdiffeq is not, no module calls it.
    """
    calls = Calls()
    rooms = [sys.modules.get(f"torchdiffeq._impl.{name}") for name in ("odeint", "adjoint")]
    if any(room is None for room in rooms):
        yield calls
        return
    solvers = rooms[0].SOLVERS  # type: ignore[union-attr]
    before = [room._check_inputs for room in rooms]  # type: ignore[union-attr]

    def checked(
        func: Any, y0: Any, t: Any, rtol: Any, atol: Any, method: Any, options: Any,
        event_fn: Any, known: Any,
    ) -> Any:
        if getattr(func, "__module__", "") == OdeFlow.__module__:
            # an OdeFlow integrates
            return before[0](func, y0, t, rtol, atol, method, options, event_fn, known)
        if event_fn is not None or not isinstance(y0, Tensor):
            what = "an event function" if event_fn is not None else (
                "a state of several tensors")
            raise CaptureError(f"odeint is called with {what}; {REMEDY}")
        if method != METHOD and calls._next is None:
            # what torchdiffeq refuses it refuses here too
            before[0](func, y0, t, rtol, atol, method, options, None, known)
        return None, func, y0, t, rtol, atol, METHOD, {"norm": None}, None, False

    class Solver:
        """What stands for a solver of torchdiffeq."""

        def __init__(self, func: Any, y0: Tensor, **_: Any) -> None:
            self._func, self._start = func, y0

        def integrate(self, t: Tensor) -> Tensor:
            """The states at the times."""
            return calls.integrate(self._func, self._start, t)

    solvers[METHOD] = Solver
    for room in rooms:
        room._check_inputs = checked  # type: ignore[union-attr]
    try:
        yield calls
    finally:
        del solvers[METHOD]
        for room, own in zip(rooms, before, strict=True):
            room._check_inputs = own  # type: ignore[union-attr]
