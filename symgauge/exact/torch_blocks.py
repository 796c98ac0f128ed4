"""Blocks over GF(p) as torch tensors: the same elimination on any device that has float64.

torch is imported here alone, and this module only where its back end is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from symgauge.exact.blocks import HALF, AbstractBlocks, Array, Indices, consecutive

#: Columns of a product made at once: bounds the memory of the halves and the quotients.
_TILE = 8192


class TorchBlocks(AbstractBlocks):
    """Blocks as float64 tensors on one device; windows of a few rows are eliminated on the host."""

    def __init__(self, p: int, device: str = "cpu") -> None:
        super().__init__(p)
        self.device = torch.device(device)

    def _reduce(self, x: torch.Tensor) -> torch.Tensor:
        """Balanced residues, in place."""
        q = x * (1.0 / self.p)
        return x.sub_(q.round_().mul_(float(self.p)))

    def _at(self, indices: Indices) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(indices)).to(self.device)

    def load(self, matrix: Array) -> torch.Tensor:
        held = torch.from_numpy(np.array(matrix, dtype=np.float64))
        return self._reduce(held.to(self.device))

    def host(self, block: torch.Tensor) -> Array:
        out: Array = block.cpu().numpy()
        return out

    def columns(self, block: torch.Tensor, at: Indices) -> torch.Tensor:
        part = consecutive(at)
        return block[:, part] if part is not None else block.index_select(1, self._at(at))

    def rows(self, block: torch.Tensor, at: Indices) -> torch.Tensor:
        part = consecutive(at)
        return block[part] if part is not None else block.index_select(0, self._at(at))

    def join(self, blocks: Sequence[torch.Tensor], axis: int = 0) -> torch.Tensor:
        return torch.cat(list(blocks), dim=axis)

    def empty(self, rows: int, columns: int) -> torch.Tensor:
        return torch.zeros((rows, columns), dtype=torch.float64, device=self.device)

    def nonzero_columns(self, block: torch.Tensor) -> Indices:
        found: Indices = (block != 0).any(dim=0).nonzero()[:, 0].cpu().numpy()
        return found

    def _minus_product(self, c: Any, x: torch.Tensor, f: torch.Tensor) -> torch.Tensor:
        out = self.empty(x.shape[0], f.shape[1])
        if c is not None:
            out.copy_(c)
        left = x
        if self.split:
            high = x.mul(1.0 / HALF).round_()
            left = torch.cat([high, x - HALF * high], dim=1)
        for j in range(0, f.shape[1], _TILE):
            tile, right = out[:, j:j + _TILE], f[:, j:j + _TILE]
            if self.split:
                right = torch.cat([self._reduce(HALF * right), right], dim=0)
            tile.addmm_(left, right, alpha=-1.0)
            self._reduce(tile)
        return out
