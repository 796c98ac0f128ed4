"""Networks of two to four parameters, and candidates, for faults planted in the engine."""

from collections.abc import Callable
from typing import Any

import torch
from lies import Net

Data = dict[str, Any]


def small(function: Callable[[Any, Any], Any], **shapes: tuple[int, ...]) -> Callable[[], Any]:
    """A module of few parameters, all positive, with one positive input."""
    def build() -> Any:
        module = Net(function, **shapes)
        for p in module.parameters():
            p.data.abs_().add_(0.5)
        return module, (torch.rand(2) + 0.5,)
    return build


PRODUCT = small(lambda s, x: s.a * s.b * x, a=(), b=())
EXPONENTIAL = small(lambda s, x: s.a * torch.exp(s.b) * x, a=(), b=())
ROOT = small(lambda s, x: s.a * torch.rsqrt(s.b) * x, a=(), b=())
TWO_FUNCTIONS = small(
    lambda s, x: s.a * torch.exp(1 / (x * x + 1)) + s.b * torch.log(1 / (x * x + 1)), a=(), b=())
PICKED = small(lambda s, x: s.w[torch.tensor([0, 2, 0])].sum() * x + s.a * x**2, w=(3,), a=())
SLICED = small(lambda s, x: s.w[:1] * x + s.w[1:] * x**2 + s.a * x**3, w=(2,), a=())
TWO_OUTPUTS = small(lambda s, x: (s.a * s.b * x, s.a * x**2), a=(), b=())


def _powers(s: Any, x: Any) -> Any:
    a, b = s.a**40, s.b**40
    return (a + b + s.a) * x + (a**2 + 2 * a * b + b**2 + 2 * s.a * (a + b) + s.a**2) * x**2


#: Its one null direction moves a by 40 b^39: of too high a degree to be sought. One coefficient is
#: the square of the other, in another line: no fields by minors are found either.
OPEN = small(_powers, a=(), b=())
#: d/d theta_0: no symmetry of anything below.
SHIFT = {"shift": [[0, "1"]], "linear": [], "higher": []}


def weights(a: int, b: int) -> Data:
    """a theta_0 d/d theta_0 + b theta_1 d/d theta_1."""
    return {"shift": [], "linear": [[0, 0, str(a)], [1, 1, str(b)]], "higher": []}


SCALING = weights(1, -1)
