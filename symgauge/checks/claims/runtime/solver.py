"""Solutions of dx/dt = f(t, x) with their own error, or a refusal that says where."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.autograd import forward_ad
from torchdiffeq import odeint

from symgauge.checks.runtime.record import BadInput

Field = Callable[[Tensor, Tensor], Tensor]  # f(t, x): rows of x are samples, t a number or a column

# relative tolerance of dopri5, and the tighter one that measures its error
TOLERANCES = {torch.float64: (1e-9, 1e-10), torch.float32: (1e-5, 1e-6)}
METHODS = (  # fixed steps: torchdiffeq's name, the order of the method, numbers of steps
    ("rk4", 4, (16, 32, 64)),
    ("midpoint", 2, (32, 64, 128)),
    ("euler", 1, (64, 128, 256)),
)
LARGEST = 1e8  # a state or a velocity beyond it is taken for a solution that blows up
EVALUATIONS = 20_000  # of the vector field, for one solution
SEEN = 1e4  # a motion beyond so many of the solver's own errors is one
ORDERS_AGREE = 0.15  # neighbouring orders, where steps are small enough to show one
MOST_STEPS = 4096  # of a fixed-step solution


def place(t: Tensor, x: Tensor, bad: Tensor) -> str:
    """Time and point of the first sample with a bad entry (`bad` has the shape of x, or fewer).

    >>> place(torch.tensor(0.5), torch.tensor([[1.0], [2.0]]), torch.tensor([[False], [True]]))
    't = 0.5, sample 1, x = (2)'
    """
    rows = x.reshape(-1, x.shape[-1]) if x.ndim else x.reshape(1, 1)
    flags = bad.reshape(len(rows), -1).any(1)
    row = int(flags.nonzero()[0]) if flags.any() else 0
    time = float(t.reshape(-1)[row] if t.numel() == len(rows) else t.reshape(-1)[0])
    shown = [f"{float(v):.4g}" for v in rows[row, :4]] + ["..."] * (rows.shape[1] > 4)
    return f"t = {time:.6g}, sample {row}, x = ({', '.join(shown)})"


def jvp(
    g: Callable[..., Any], primals: Sequence[Tensor], tangents: Sequence[Tensor]
) -> tuple[Any, Any]:
    """(g, Dg . tangents) at the primals; g returns a tensor or a tuple of tensors.

    torch.func.jvp does the same, and does not mix with the user's own `torch.no_grad`.
    """
    with forward_ad.dual_level():
        duals = [forward_ad.make_dual(p, v) for p, v in zip(primals, tangents)]
        out = g(*duals)
        single = isinstance(out, Tensor)
        parts = [forward_ad.unpack_dual(o) for o in ((out,) if single else out)]
        values = tuple(p.primal for p in parts)
        # a result that does not depend on the primals carries no tangent
        slopes = tuple(torch.zeros_like(p.primal) if p.tangent is None else p.tangent
                       for p in parts)
    return (values[0], slopes[0]) if single else (values, slopes)


class Watched:
    """A vector field that refuses what is not finite or runs away, and counts its evaluations."""

    def __init__(self, name: str, field: Field) -> None:
        self.name, self.field = name, field
        self.evaluations = 0
        self.where = "its start"

    def __call__(self, t: Tensor, x: Tensor) -> Tensor:
        self.evaluations += 1
        v = self.field(t, x)
        if v.shape != x.shape:
            raise BadInput(f"{self.name} returns the shape {tuple(v.shape)} at {tuple(x.shape)}")
        bad = ~(torch.maximum(v.abs(), x.abs()) < LARGEST)  # nan too
        if bad.any():
            raise BadInput(
                f"{self.name} has no solution on the whole interval: state or velocity passes "
                f"{LARGEST:.0e} at {place(t, x, bad)}; give a complete vector field (it blows up "
                "in finite time) or a shorter interval"
            )
        if self.evaluations % 256 == 0:
            self.where = place(t, x, bad)
        if self.evaluations > EVALUATIONS:
            raise BadInput(
                f"the solver fails on {self.name}: {EVALUATIONS} evaluations led only to "
                f"{self.where}; the field is too stiff or not smooth"
            )
        return v


def integrate(
    name: str, field: Field, x: Tensor, times: Sequence[float], method: str = "dopri5",
    rtol: float = 1e-9,
) -> Tensor:
    """The states at the times, from x at the first; a fixed-step method steps from time to time.

    Raises BadInput where there is no solution, saying at which time and point.
    """
    watched = Watched(name, field)
    grid = torch.tensor(times, dtype=x.dtype, device=x.device)
    # adaptive steps end at the times: no field is asked for its value outside the interval
    options = {"step_t": grid[1:]} if method == "dopri5" else {}
    try:
        with torch.no_grad():
            states: Tensor = odeint(
                watched, x, grid, method=method, rtol=rtol, atol=rtol, options=options
            )
    except AssertionError as error:  # torchdiffeq: the step underflows, the state is not finite
        reason = str(error).split(":")[0].split(" in dt")[0]
        raise BadInput(f"the solver fails on {name} after {watched.where}: {reason}") from error
    if not states.isfinite().all():
        raise BadInput(f"the solver fails on {name} after {watched.where}: the end is not finite")
    return states


def distance(a: Tensor, b: Tensor, scale: Tensor | None = None) -> float:
    """Largest entry of a - b, in units of the root mean square of the scale (b by default)."""
    size = (b if scale is None else scale).pow(2).mean().sqrt()
    return float((a - b).abs().max() / size)


@dataclass(frozen=True)
class Solution:
    """States at the tolerance, the end at the tighter one, and how far apart the ends are."""

    states: Tensor
    finer: Tensor
    error: float

    @property
    def end(self) -> Tensor:
        return self.states[-1]


def solve(name: str, field: Field, x: Tensor, times: Sequence[float] = (0.0, 1.0)) -> Solution:
    """dopri5 at the tolerance of the dtype, with its own error: against a tenth of the tolerance,
    and never less than one unit in the last place."""
    rtol, tight = TOLERANCES[x.dtype]
    states = integrate(name, field, x, times, rtol=rtol)
    finer = integrate(name, field, x, times, rtol=tight)[-1]
    error = max(distance(states[-1], finer), torch.finfo(x.dtype).eps)
    return Solution(states, finer, error)


def solve_moving(name: str, field: Field, x: Tensor) -> Solution:
    """The solution from x at 0 to 1, which must move x: what is wrong of a field at rest is not
    seen. Raises BadInput."""
    solution = solve(name, field, x)
    if not distance(solution.end, x) > SEEN * solution.error:
        raise BadInput(
            f"{name} moves no point, so that no planted failure would be seen: give a vector "
            "field that is not 0"
        )
    return solution


def endpoint(name: str, field: Field, x: Tensor, times: Sequence[float] = (0.0, 1.0)) -> Tensor:
    """The end alone, at the tolerance: for what needs no error of its own."""
    return integrate(name, field, x, times, rtol=TOLERANCES[x.dtype][0])[-1]


def stepped(name: str, field: Field, x: Tensor, method: str, steps: int) -> Tensor:
    """The end at t = 1 by equal steps of euler, midpoint or rk4."""
    return integrate(name, field, x, [k / steps for k in range(steps + 1)], method)[-1]


def settled(
    error_of: Callable[[int], float], steps: Sequence[int], error: float
) -> tuple[list[int], list[float], bool]:
    """Numbers of steps and their errors, doubled until the order is that of small steps.

    It is where the last two orders between neighbours agree: coarse steps show none of a method,
    at some fields. Doubling ends where the solution's own `error` comes near, or at MOST_STEPS;
    the flag says whether the order settled before.
    """
    numbers, errors = list(steps), [error_of(n) for n in steps]

    def agree() -> bool:
        a, b, c = errors[-3:]
        return min(a, b, c) > 0 and abs(math.log2(a / b) - math.log2(b / c)) < ORDERS_AGREE

    while not agree() and errors[-1] > 10 * error and numbers[-1] < MOST_STEPS:
        numbers, errors = [*numbers[1:], 2 * numbers[-1]], [*errors[1:], error_of(2 * numbers[-1])]
    return numbers, errors, agree()


def fitted_order(steps: Sequence[int], errors: Sequence[float]) -> float:
    """Least-squares slope p of log error against log step size: error ~ (1 / steps)^p.

    >>> round(fitted_order([2, 4, 8], [1.0, 0.25, 0.0625]), 6)
    2.0
    """
    if not all(0 < e < math.inf for e in errors):
        return math.nan
    x = [-math.log(n) for n in steps]
    y = [math.log(e) for e in errors]
    mx, my = sum(x) / len(x), sum(y) / len(y)
    spread = sum((a - mx) ** 2 for a in x)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / spread
