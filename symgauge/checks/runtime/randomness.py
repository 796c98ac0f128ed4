"""Random numbers of torch, on the device where they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class TorchNumbers:
    """What elements are drawn from."""

    def __init__(self, rng: torch.Generator) -> None:
        self._options: dict[str, Any] = {
            "generator": rng, "device": rng.device, "dtype": torch.float64}

    def normal(self, shape: Sequence[int]) -> Tensor:
        return torch.randn(shape, **self._options)

    def away_from_zero(self, shape: Sequence[int], least: float, most: float) -> Tensor:
        size = least + (most - least) * torch.rand(shape, **self._options)
        return torch.where(torch.rand(shape, **self._options) < 0.5, -size, size)
