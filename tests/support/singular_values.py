"""The redundancy of a torch module by singular values: float64 Jacobians, nothing of symgauge.

The referee of the tests that derive networks of their own: rows of many fresh inputs at random
parameters, the numerical rank read off the widest gap. Piecewise networks have a rank for each
cell: the largest over several draws counts.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel


@dataclass(frozen=True)
class FloatRank:
    """P - rank, the widest ratio of neighbouring singular values, and the parameter count."""

    redundancy: int
    gap: float
    parameters: int


def fresh(example: Tensor, classes: int, generator: torch.Generator) -> Tensor:
    """Another input: N(0, 1), or tokens below `classes` (0: held at the example)."""
    if example.is_floating_point():
        return torch.randn(example.shape, generator=generator, dtype=torch.float64)
    if not classes or example.dtype == torch.bool:
        return example
    return torch.randint(classes, example.shape, generator=generator)


def jacobian(
    module: torch.nn.Module, args: Sequence[Tensor], generator: torch.Generator, classes: int,
    scale: float, kwargs: dict[str, Tensor] | None = None, surplus: float = 3.0,
) -> Tensor:
    """Rows d f(x_n)_i / d theta, each of length 1; theta is N(0, scale^2), generic."""
    parameters = {
        name: scale * torch.randn(p.shape, generator=generator, dtype=torch.float64)
        for name, p in module.named_parameters()
    }
    size = sum(p.numel() for p in parameters.values())

    def outputs(theta: dict[str, Tensor], inputs: tuple[Tensor, ...]) -> Tensor:
        result = torch.func.functional_call(module, theta, inputs, kwargs)
        if hasattr(result, "logits"):
            result = result.logits
        elif hasattr(result, "last_hidden_state"):
            result = result.last_hidden_state
        parts = result if isinstance(result, (tuple, list)) else (result,)
        return torch.cat([part.flatten() for part in parts])

    rows: list[Tensor] = []
    with sdpa_kernel(SDPBackend.MATH):
        while len(rows) < 12 or len(rows) * rows[0].shape[0] < surplus * size:
            inputs = tuple(fresh(arg, classes, generator) for arg in args)
            block = torch.func.jacrev(outputs)(parameters, inputs)
            rows.append(torch.cat([part.flatten(1) for part in block.values()], dim=1))
    matrix = torch.cat(rows)
    lengths = matrix.norm(dim=1, keepdim=True)
    return matrix / torch.where(lengths > 0, lengths, 1.0)


def rank_and_gap(matrix: Tensor) -> tuple[int, float]:
    """The rank at the widest gap; values below rounding count as rounding."""
    if not matrix.isfinite().all():
        return 0, 0.0
    values = torch.linalg.svdvals(matrix)
    if values[0] == 0:
        return 0, float("inf")
    floor = values[0] * 1e-14
    values = torch.cat([values.clamp(min=floor), floor[None]])
    ratios = values[:-1] / values[1:]
    rank = int(ratios.argmax()) + 1
    return rank, float(ratios[rank - 1])


def float_rank(
    module: torch.nn.Module, args: Sequence[Tensor], draws: int = 2, classes: int = 0,
    scale: float = 1.0, kwargs: dict[str, Tensor] | None = None, seed: int = 0,
    clear: float = 1e3, surplus: float = 3.0,
) -> FloatRank:
    """The largest rank among the draws whose gap is clear (among all where none is)."""
    double = module.double()
    size = sum(p.numel() for p in double.parameters())
    found = []
    for k in range(draws):
        generator = torch.Generator().manual_seed(seed + k)
        matrix = jacobian(double, args, generator, classes, scale, kwargs, surplus)
        found.append(rank_and_gap(matrix))
    good = [pair for pair in found if pair[1] > clear] or found
    rank, gap = max(good)
    if len(good) < len(found) and rank < max(found)[0]:
        # a draw without a clear gap may have a larger rank
        gap = min(gap, max(found)[1])
    return FloatRank(size - rank, gap, size)
