"""A module of a recipe, whose parameters are made as its first pass asks for them."""

from abc import abstractmethod
from typing import Any

import torch
from torch import Tensor, nn


class Drawn(nn.Module):
    """`data["seed"]` is that of the parameters."""

    def __init__(self, data: dict[str, Any]) -> None:
        super().__init__()
        self.data = data
        self._dry = True
        self._made: dict[str, Tensor] = {}
        self._generator = torch.Generator().manual_seed(data["seed"])
        with torch.no_grad():
            self.forward(*self.example())
        for name, value in self._made.items():
            self.register_parameter(name, nn.Parameter(value))
        self._dry = False

    @abstractmethod
    def example(self) -> tuple[Tensor, ...]:
        """One example of the input."""

    def p(self, name: str, *shape: int) -> Tensor:
        if self._dry:
            if name not in self._made:
                self._made[name] = torch.randn(shape, generator=self._generator)
            return self._made[name]
        found: Tensor = getattr(self, name)
        return found
