"""Float64 arithmetic on weights that stay as they are stored.

A large module widened as a whole takes two to four times its checkpoint. Here each op widens what
it is given, for as long as it runs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from symgauge.capture.module import WideFloats

#: Ops that pick entries: what they pick is widened, not what they pick from.
PICKING = (
    torch.ops.aten.embedding.default, torch.ops.aten.index.Tensor,
    torch.ops.aten.index_select.default, torch.ops.aten.gather.default,
)
#: Entries of a matrix that are widened at once.
PIECE = 2**22


class Widened(WideFloats):
    """Every op but a view computes in float64, and so returns it."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        if any(r.alias_info is not None and not r.alias_info.is_write
               for r in func._schema.returns):
            return func(*args, **kwargs)  # a view
        if func is torch.ops.aten.mm.default and args[1].numel() > PIECE:
            return _product(wide(args[0]), args[1])
        if func not in PICKING:
            written = {
                a.name for a in func._schema.arguments if a.alias_info and a.alias_info.is_write}
            named = [a.name for a in func._schema.arguments]
            args = tuple(
                x if name in written else pytree.tree_map(wide, x)
                for name, x in zip(named, args))
            kwargs = {k: x if k in written else pytree.tree_map(wide, x)
                      for k, x in kwargs.items()}
            if written:
                return func(*args, **kwargs)
        return pytree.tree_map(wide, super().__torch_dispatch__(func, types, args, kwargs))


def wide(x: Any) -> Any:
    """A tensor of floats in float64, anything else as it is."""
    return x.double() if isinstance(x, Tensor) and x.is_floating_point() else x


def _product(x: Tensor, matrix: Tensor) -> Tensor:
    """x times a narrow matrix, some of whose columns are widened at a time."""
    step = max(1, PIECE // matrix.shape[0])
    return torch.cat([x @ part.double() for part in matrix.split(step, 1)], 1)
