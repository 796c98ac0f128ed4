"""What goes by steps: recurrences, state spaces, neural ODEs.

`TABLE` holds shapes, formula and example by name (published_networks).
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from published_rows import Table, add
from torch import Tensor
from torch.nn import functional as F

TABLE: Table = {}
_row = partial(add, TABLE)

# Recurrences: x of shape (steps, in)


def recurrent(
    p: Any, x: Tensor, *, step: Callable[[Any, Tensor, Tensor], Tensor], last: bool = False
) -> Tensor:
    h, out = x.new_zeros(p.n if hasattr(p, "n") else p.C.shape[1]), []
    for row in x:
        h = step(p, h, row)
        out.append(p.C @ h + p.D @ row if hasattr(p, "D") else p.C @ h)
    return out[-1] if last else torch.stack(out)


def _gru(p: Any, h: Tensor, x: Tensor) -> Tensor:
    z, r = torch.sigmoid(p.Wz @ x + p.Uz @ h), torch.sigmoid(p.Wr @ x + p.Ur @ h)
    return z * h + (1 - z) * torch.tanh(p.W @ x + p.U @ (r * h))


def _minimal(p: Any, h: Tensor, x: Tensor) -> Tensor:
    f = torch.sigmoid(p.Wf @ x + p.Uf @ h + p.bf)
    return (1 - f) * h + f * torch.tanh(p.W @ x + p.U @ (f * h) + p.b)


def _min_gru(p: Any, h: Tensor, x: Tensor) -> Tensor:
    """minGRU: a gate of the input alone, a state that no function bends."""
    z = torch.sigmoid(p.Wz @ x)
    return (1 - z) * h + z * (p.W @ x)


def _low_rank(p: Any, h: Tensor, x: Tensor) -> Tensor:
    return torch.tanh(p.M @ (p.N @ h) + p.B @ x)


def _gated_state(p: Any, h: Tensor, x: Tensor) -> Tensor:
    """Mamba's kind: steps of softplus, exp(-step a)."""
    d = F.softplus(p.Wd @ x)
    return torch.exp(-d * torch.exp(p.a)) * h + d * (p.B @ x)


_row(
    "rnn tanh two outputs bias",
    "A:2x2 B:2x2 b:2 C:2x2",
    partial(recurrent, step=lambda p, h, x: torch.tanh(p.A @ h + p.B @ x + p.b)),
    4,
    2,
)
_row(
    "rnn relu",
    "A:3x3 B:3x2 C:2x3",
    partial(recurrent, step=lambda p, h, x: torch.relu(p.A @ h + p.B @ x)),
    4,
    2,
)
_row(
    "rnn linear one output",
    "A:3x3 B:3x1 C:1x3",
    partial(recurrent, step=lambda p, h, x: p.A @ h + p.B @ x),
    7,
    1,
)
_row(
    "rnn linear few steps",
    "A:3x3 B:3x1 C:1x3",
    partial(recurrent, step=lambda p, h, x: p.A @ h + p.B @ x),
    4,
    1,
)
_row(
    "rnn linear feedthrough",
    "A:2x2 B:2x2 C:2x2 D:2x2",
    partial(recurrent, step=lambda p, h, x: p.A @ h + p.B @ x),
    5,
    2,
)
_row(
    "rnn linear last alone",
    "A:2x2 B:2x2 C:2x2",
    partial(recurrent, step=lambda p, h, x: p.A @ h + p.B @ x, last=True),
    5,
    2,
)
_row(
    "rnn linear affine",
    "A:2x2 B:2x2 b:2 C:2x2",
    partial(recurrent, step=lambda p, h, x: p.A @ h + p.B @ x + p.b),
    5,
    2,
)
_row("rnn low rank", "M:4x2 N:2x4 B:4x2 C:2x4", partial(recurrent, step=_low_rank), 4, 2)
_row("rnn low rank one", "M:3x1 N:1x3 B:3x2 C:1x3", partial(recurrent, step=_low_rank), 4, 2)
_row(
    "gru minimal",
    "Wf:2x2 Uf:2x2 bf:2 W:2x2 U:2x2 b:2 C:2x2",
    partial(recurrent, step=_minimal),
    3,
    2,
)
_row(
    "gru no bias",
    "Wz:2x2 Uz:2x2 Wr:2x2 Ur:2x2 W:2x2 U:2x2 C:1x2",
    partial(recurrent, step=_gru),
    3,
    2,
)
_row("gru min", "Wz:2x2 W:2x2 C:2x2", partial(recurrent, step=_min_gru), 4, 2)
_row("ssm selective", "Wd:2x2 a:2 B:2x2 C:2x2", partial(recurrent, step=_gated_state), 4, 2)
_row(
    "ssm diagonal one",
    "a:3 B:3x1 C:1x3",
    partial(recurrent, step=lambda p, h, x: p.a * h + p.B @ x),
    7,
    1,
)
_row(
    "ssm diagonal sigmoid",
    "a:3 B:3x2 C:2x3 D:2x2",
    partial(recurrent, step=lambda p, h, x: torch.sigmoid(p.a) * h + p.B @ x),
    5,
    2,
)
_row(
    "ssm bilinear",
    "N:2x2 A:2x2 B:2x1 C:1x2",
    partial(recurrent, step=lambda p, h, x: p.A @ h + x * (p.N @ h) + p.B @ x),
    5,
    1,
)
_row(
    "rnn leaky",
    "A:2x2 B:2x2 C:2x2 a:1",
    partial(recurrent, step=lambda p, h, x: (1 - p.a) * h + p.a * torch.tanh(p.A @ h + p.B @ x)),
    4,
    2,
)


# Neural ODEs by steps


def euler(
    p: Any, x: Tensor, *, field: Callable[[Any, Tensor], Tensor], steps: int = 3, order: int = 1
) -> Tensor:
    z = x @ p.B.T if hasattr(p, "B") else x
    for _ in range(steps):
        k = field(p, z)
        z = z + field(p, z + k / (2 * steps)) / steps if order == 2 else z + k / steps
    return z @ p.C.T if hasattr(p, "C") else z


_row(
    "ode tanh no read",
    "W:3x2 V:2x3 b:3",
    partial(euler, field=lambda p, z: torch.tanh(z @ p.W.T + p.b) @ p.V.T),
    1,
    2,
)
_row(
    "ode tanh",
    "B:2x3 W:3x2 V:2x3 C:2x2",
    partial(euler, field=lambda p, z: torch.tanh(z @ p.W.T) @ p.V.T),
    1,
    3,
)
_row(
    "ode relu midpoint",
    "B:2x2 W:3x2 V:2x3 C:2x2",
    partial(euler, order=2, field=lambda p, z: torch.relu(z @ p.W.T) @ p.V.T),
    1,
    2,
)
_row("ode linear", "A:2x2", partial(euler, field=lambda p, z: z @ p.A.T), 1, 2)
_row(
    "ode linear one output", "B:2x3 A:2x2 C:1x2", partial(euler, field=lambda p, z: z @ p.A.T), 1, 3
)
_row(
    "ode square",
    "B:2x2 W:2x2 V:2x2 C:2x2",
    partial(euler, steps=2, field=lambda p, z: (z @ p.W.T) ** 2 @ p.V.T),
    1,
    2,
)
_row(
    "ode low rank",
    "W:1x3 V:3x1 b:1",
    partial(euler, field=lambda p, z: torch.tanh(z @ p.W.T + p.b) @ p.V.T),
    1,
    3,
)
_row(
    "ode gradient field",
    "W:3x2 b:3",
    partial(euler, field=lambda p, z: torch.tanh(z @ p.W.T + p.b) @ p.W),
    1,
    2,
)
