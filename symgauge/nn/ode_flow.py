"""OdeFlow: x -> phi(x), the flow of dx/dt = c v(t, x; theta) from t0 to t1, by torchdiffeq.

In eager mode a solver integrates; at capture the module is one op, the exact flow, and its
vector field a program of its own (R. T. Q. Chen et al., Neural Ordinary Differential Equations,
NeurIPS 2018; the solver: torchdiffeq).
"""

from __future__ import annotations

import inspect
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import torch
from torch import Tensor

from symgauge.errors import BadInputError, FlowError

#: Evaluations of the field that are remembered, to say where an integration failed.
REMEMBERED = 64
#: Values of a field at one state that are compared: dropout on few entries repeats itself.
EXAMINED = 16
#: Steps of an adaptive solver after which the field is taken to blow up.
MAX_STEPS = 100_000
#: The same at capture: a smooth field needs some hundred at most, a random one uses up any number.
CAPTURE_STEPS = 2_000

_FLOWS: ContextVar[list[OdeFlow] | None] = ContextVar("flows", default=None)


class OdeFlow(torch.nn.Module):
    """phi(x0) = x(t1), where dx/dt = time_scale v(t, x) and x(t0) = x0.

    The state x0 has any shape, and x(t1) the same. `vector_field` is called as v(t, x), or as v(x)
    where it takes one argument; it returns a tensor of the shape of x. `time_scale` is a number, or
    a torch.nn.Parameter that is trained. `method`, `rtol`, `atol` and `options` are torchdiffeq's.
    An adaptive method refuses a field that blows up before t1; fixed steps see it only where a
    state overflows.

    Raises BadInputError for equal or infinite times and for a field of another shape; FlowError
    where the solver fails or the state is not finite, with the time and the norm of the state.
    """

    def __init__(
        self,
        vector_field: Callable[..., Tensor],
        t0: float = 0.0,
        t1: float = 1.0,
        *,
        method: str = "dopri5",
        rtol: float = 1e-7,
        atol: float = 1e-9,
        options: Mapping[str, Any] | None = None,
        time_scale: float | torch.nn.Parameter = 1.0,
    ) -> None:
        super().__init__()
        if not (math.isfinite(t0) and math.isfinite(t1)) or t0 == t1:
            raise BadInputError(f"a flow from t0 = {t0} to t1 = {t1}: give two different times")
        self.vector_field = vector_field
        self.t0, self.t1 = float(t0), float(t1)
        self.method, self.rtol, self.atol = method, rtol, atol
        self.options = dict(options or {})
        self.time_scale = time_scale
        self._takes_time = _arguments(vector_field) > 1
        #: Whether an integration first asks that the field has one value at a state.
        self._examined = False
        #: Its number among the flows of a module that is being captured.
        self._place: int | None = None

    def field(self, t: Tensor, x: Tensor) -> Tensor:
        """time_scale v(t, x)."""
        v = self.vector_field(t, x) if self._takes_time else self.vector_field(x)
        if not isinstance(v, Tensor) or v.shape != x.shape:
            found = tuple(v.shape) if isinstance(v, Tensor) else type(v).__name__
            raise BadInputError(
                f"the vector field returns {found} for a state of shape {tuple(x.shape)}; "
                "a velocity has the shape of its state"
            )
        if isinstance(self.time_scale, Tensor) or self.time_scale != 1.0:
            v = self.time_scale * v
        return v

    def forward(self, x: Tensor) -> Tensor:
        """The state at t1, of the shape of x."""
        if _FLOWS.get() is None:
            return self.integrate(x)
        if self._place is None:
            raise FlowError("an OdeFlow that is no submodule of the module that is captured")
        own = [p for p in self.parameters() if p.requires_grad]
        result: Tensor = torch.ops.symgauge.ode_flow(x, own, self._place)
        return result

    def integrate(self, x: Tensor) -> Tensor:
        """The state at t1 by the solver."""
        try:
            from torchdiffeq import odeint
        except ImportError as error:
            raise FlowError("OdeFlow needs torchdiffeq; install symgauge[ode]") from error
        seen: deque[tuple[Tensor, Tensor]] = deque(maxlen=REMEMBERED)

        def velocity(t: Tensor, state: Tensor) -> Tensor:
            seen.append((t.detach(), state.detach()))
            return self.field(t, state)

        if self._examined:
            self._examine(x)
        times = torch.tensor([self.t0, self.t1], dtype=x.dtype, device=x.device)
        options = dict(self.options)
        if self.method.startswith(("dopri", "bosh", "fehlberg", "adaptive")):
            options.setdefault("max_num_steps", MAX_STEPS)
        try:
            end: Tensor = odeint(
                velocity, x, times, rtol=self.rtol, atol=self.atol, method=self.method,
                options=options,
            )[-1]
        except AssertionError as error:
            # what torchdiffeq raises where its step underflows or its steps run out
            raise FlowError(f"{self._where(seen)}: {_line(error)}") from error
        if not torch.isfinite(end).all():
            raise FlowError(f"{self._where(seen)}: the state is not finite afterwards")
        return end

    def _examine(self, x: Tensor) -> None:
        """Raise FlowError where the field has two values at one state: no step is small enough."""
        t = torch.tensor(self.t0, dtype=x.dtype, device=x.device)
        one, *others = (self.field(t, x).nan_to_num() for _ in range(EXAMINED))
        if not all(torch.equal(one, two) for two in others):
            raise FlowError(
                "a vector field has two values at one state (dropout in train mode, randomness, or "
                "a count of its calls); call .eval() on it in the factory"
            )

    def fix_steps(self, count: int = 16) -> None:
        """Take `count` equal steps of the classical Runge-Kutta method from now on.

        Its steps commute with affine changes of the state: what an exact flow is invariant
        under, the discrete one is, up to rounding.
        """
        self.method, self.options = "rk4", {"step_size": abs(self.t1 - self.t0) / count}

    def _where(self, seen: deque[tuple[Tensor, Tensor]]) -> str:
        last = next(((t, x) for t, x in reversed(seen) if torch.isfinite(x).all()), None)
        head = f"the flow from t = {self.t0:g} to {self.t1:g} cannot be integrated ({self.method})"
        if last is None:
            return f"{head}: no finite state at t = {self.t0:g}"
        return (
            f"{head}; it was followed to t = {float(last[0]):.6g}, where the state has norm "
            f"{float(last[1].norm()):.3g} (a field that grows too fast blows up in finite time; "
            "one that jumps or is stiff takes too many steps)"
        )

    def extra_repr(self) -> str:
        """The times and the solver."""
        return f"t0={self.t0:g}, t1={self.t1:g}, method={self.method!r}"


def _line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _arguments(field: Callable[..., Any]) -> int:
    """How many positional arguments a vector field takes."""
    called = field.forward if isinstance(field, torch.nn.Module) else field
    try:
        found = inspect.signature(called).parameters.values()
    except (TypeError, ValueError):
        return 1
    required = [
        p for p in found
        if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD) and p.default is p.empty
    ]
    if not 1 <= len(required) <= 2:
        raise BadInputError(
            f"a vector field takes (t, x) or (x); this one takes {len(required)} arguments"
        )
    return len(required)


# -- capture -------------------------------------------------------------------------------------


@contextmanager
def numbered_flows(
    module: torch.nn.Module, others: Sequence[OdeFlow] = ()
) -> Iterator[list[OdeFlow]]:
    """While open, every flow of the module is one op `symgauge::ode_flow` with its number.

    Numbers, because torch.export runs a module through stand-ins for its parts. `others` come
    after the module's own.
    """
    flows = [part for part in module.modules() if isinstance(part, OdeFlow)]
    flows += others
    for k, flow in enumerate(flows):
        flow._place = k
    token = _FLOWS.set(flows)
    try:
        yield flows
    finally:
        _FLOWS.reset(token)
        for flow in flows:
            flow._place = None


def nested_flow(module: torch.nn.Module) -> bool:
    """Whether a flow is a part of another flow's vector field."""
    return any(
        isinstance(inside, OdeFlow) for part in module.modules() if isinstance(part, OdeFlow)
        for inside in part.modules() if inside is not part
    )


def make_exact(module: torch.nn.Module) -> None:
    """Tight tolerances for every flow of a module: an adaptive solver close to the exact flow.

    Its steps are bounded, and its field is asked for one value at a state.
    """
    for part in module.modules():
        if isinstance(part, OdeFlow):
            part.method, part.rtol, part.atol = "dopri5", 1e-10, 1e-12
            part.options, part._examined = {"max_num_steps": CAPTURE_STEPS}, True


torch.library.define(
    "symgauge::ode_flow", "(Tensor x, Tensor[] parameters, int index) -> Tensor"
)


@torch.library.impl("symgauge::ode_flow", "CompositeExplicitAutograd")
def _run(x: Tensor, parameters: list[Tensor], index: int) -> Tensor:
    flows = _FLOWS.get()
    if flows is None or not index < len(flows):
        raise FlowError("symgauge::ode_flow stands for an OdeFlow at capture and nowhere else")
    return flows[index].integrate(x)


def _fake(x: Tensor, parameters: list[Tensor], index: int) -> Tensor:
    return torch.empty_like(x)


torch.library.register_fake("symgauge::ode_flow", _fake)
