"""Which tensor alone could undo a wrong change: solved for on the function itself.

Levenberg-Marquardt on one tensor's entries, so that the outputs are those of BEFORE again. It asks
nothing of a statement, and is for small tensors alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from symgauge.weights.inputs import Inputs
from symgauge.weights.running import Running

#: Entries above which a tensor is not solved for.
MOST = 600
STEPS = 40
#: Residual, in units of the outputs' size, at which a tensor has undone the change.
SOLVED = 1e-8


def solve(
    program: Running, names: Sequence[str], inputs: Sequence[Inputs],
    wanted: Sequence[Sequence[Tensor]], starts: Sequence[Sequence[Tensor]],
) -> list[Tensor] | None:
    """Values of these tensors at which the outputs are the wanted ones; None where none is found.

    The other tensors stay as the program has them; these are put back afterwards.
    """
    tensors = [program.tensors[n] for n in names]
    kept = [t.detach().clone() for t in tensors]
    try:
        for start in starts:
            found = _from(program, tensors, inputs, wanted, start)
            if found is not None:
                return found
        return None
    except RuntimeError:
        # an op that has no derivative by this tensor: running statistics, for one
        return None
    finally:
        for t, value in zip(tensors, kept, strict=True):
            t.requires_grad_(False)
            t.data.copy_(value)


def _from(
    program: Running, tensors: Sequence[Tensor], inputs: Sequence[Inputs],
    wanted: Sequence[Sequence[Tensor]], start: Sequence[Tensor],
) -> list[Tensor] | None:
    problem = _Problem(program, tensors, inputs, wanted)
    theta = torch.cat([s.double().reshape(-1) for s in start])
    damping, previous, slow = 1e-3, float("inf"), 0
    for _ in range(STEPS):
        r, jacobian = problem.linearised(theta)
        if jacobian is None:
            return None
        cost = float(r @ r)
        if float(r.abs().max()) < SOLVED:
            return [t.detach().clone() for t in tensors]
        slow = slow + 1 if cost > 0.7 * previous else 0
        if slow > 6 or not jacobian.isfinite().all():
            return None
        previous = cost
        normal, gradient = jacobian.T @ jacobian, jacobian.T @ r
        scale = normal.diagonal().clamp_min(1e-12 * float(normal.diagonal().max()) + 1e-300)
        for _ in range(8):
            step = torch.linalg.lstsq(normal + damping * torch.diag(scale), -gradient[:, None])[0]
            new = problem.at(theta + step[:, 0])
            if new.isfinite().all() and float(new @ new) < cost:
                theta, damping = theta + step[:, 0], damping / 10
                break
            damping *= 10
        else:
            return None
    return None


@dataclass(frozen=True)
class _Problem:
    """The outputs' distances from the wanted ones, as a function of some tensors' entries."""

    program: Running
    tensors: Sequence[Tensor]
    inputs: Sequence[Inputs]
    wanted: Sequence[Sequence[Tensor]]

    def at(self, theta: Tensor) -> Tensor:
        """The residuals, each in units of its output's size."""
        with torch.no_grad():
            self._put(theta)
            return self._residual()

    def linearised(self, theta: Tensor) -> tuple[Tensor, Tensor | None]:
        """The residuals and their Jacobian; None for it where there is none."""
        self._put(theta)
        for t in self.tensors:
            t.requires_grad_(True)
        r = self._residual()
        if not r.requires_grad or not r.isfinite().all():
            return r, None
        jacobian = _jacobian(r, self.tensors)
        for t in self.tensors:
            t.requires_grad_(False)
        return r.detach(), jacobian

    def _put(self, theta: Tensor) -> None:
        place = 0
        for t in self.tensors:
            t.data.copy_(theta[place:place + t.numel()].reshape(t.shape))
            place += t.numel()

    def _residual(self) -> Tensor:
        return torch.cat([
            ((a - b) / max(float(b.abs().max()), 1e-300)).reshape(-1)
            for x, ws in zip(self.inputs, self.wanted, strict=True)
            for a, b in zip(self.program.returned(x), ws, strict=True)])


def _jacobian(r: Tensor, tensors: Sequence[Tensor]) -> Tensor:
    rows = torch.eye(len(r), dtype=r.dtype)
    grads = torch.autograd.grad(r, tensors, rows, is_grads_batched=True, allow_unused=True)
    return torch.cat([
        torch.zeros(len(r), t.numel(), dtype=r.dtype) if g is None else g.reshape(len(r), -1)
        for g, t in zip(grads, tensors, strict=True)], 1)
