"""Low-rank adapter: y = (W + (alpha / r) B A) x, W frozen or trainable.

B -> B g^-1, A -> g A for g in GL(r). Where W is trained too, it takes up every change of the
product: then all of A and B is gauge, W -> W - (alpha / r) delta(B A).
"""

from typing import Any

import torch
from torch import Tensor


class LowRankAdapter(torch.nn.Module):
    """A linear map with an adapter of rank r beside it, on inputs (..., in_features)."""

    def __init__(
        self, in_features: int, out_features: int, r: int, alpha: float, freeze_base: bool
    ) -> None:
        super().__init__()
        self.base_layer = torch.nn.Linear(in_features, out_features, bias=False)
        self.base_layer.weight.requires_grad_(not freeze_base)
        self.lora_A = torch.nn.Linear(in_features, r, bias=False)
        self.lora_B = torch.nn.Linear(r, out_features, bias=False)
        self.scaling = alpha / r

    def forward(self, x: Tensor) -> Tensor:
        adapted = self.lora_B(self.lora_A(x)) * self.scaling
        return self.base_layer(x) + adapted  # type: ignore[no-any-return]


def factory(
    in_features: int = 5,
    out_features: int = 4,
    r: int = 2,
    alpha: float = 4.0,
    freeze_base: bool = True,
) -> tuple[torch.nn.Module, tuple[Tensor]]:
    """The adapted map, and one input of shape (1, in_features)."""
    x = torch.randn(1, in_features, generator=torch.Generator().manual_seed(0))
    return LowRankAdapter(in_features, out_features, r, alpha, freeze_base), (x,)


FULL: dict[str, Any] = {"in_features": 768, "out_features": 768, "r": 8, "alpha": 8.0}

EXPECTED: list[dict[str, Any]] = [
    {"sizes": {}, "parameters": 18, "redundancy": 4, "algebra": "gl(2,R)", "orbit_dimension": 4},
    {
        "sizes": {"r": 3},
        "parameters": 27,
        "redundancy": 9,
        "algebra": "gl(3,R)",
        "orbit_dimension": 9,
    },
    {
        "sizes": {"in_features": 3, "out_features": 3, "r": 1},
        "parameters": 6,
        "redundancy": 1,
        "algebra": "R",
        "orbit_dimension": 1,
    },
    {
        "sizes": {"freeze_base": False},
        "parameters": 38,
        "redundancy": 18,
        "algebra": "gl(2,R) |x ((R^2)^5 + (R^2*)^4)",
        "orbit_dimension": 18,
    },
]

REFERENCE = (
    "E. J. Hu et al., LoRA: Low-Rank Adaptation of Large Language Models, ICLR 2022; the full "
    "sizes are those of its RoBERTa base"
)
