"""Tensors in shards, as torch's DTensor: what is said of them, and how they are read whole.

torch.distributed is imported where it is used: not every torch has it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
import torch.utils._pytree
from torch import Tensor
from torch.autograd import forward_ad
from torch.overrides import TorchFunctionMode

from symgauge.checks.runtime.moves import located
from symgauge.plain import PlainMove

Axis = int | None  # along which a tensor is sharded; None: every process has all of it

#: What is known of a tensor without its entries.
KNOWN = (Tensor.shape, Tensor.dtype, Tensor.device, Tensor.ndim, Tensor.requires_grad)


def placement(axis: Axis) -> Any:
    """torch's word for it."""
    from torch.distributed.tensor import Replicate, Shard

    return Replicate() if axis is None else Shard(axis)


def sharded_along(tensor: Any) -> Axis:
    """The axis along which a tensor is sharded."""
    where = tensor.placements[0]
    return int(where.dim) if where.is_shard() else None


class Whole(TorchFunctionMode):
    """Functions of torch get whole tensors: a shard is gathered for the call, with its tangent."""

    def __init__(self) -> None:
        super().__init__()
        from torch.distributed.tensor import DTensor

        self.kind: Any = DTensor
        self.tangents: dict[int, Any] = {}
        self.leaves: dict[int, Tensor] = {}

    def gathered(self, shard: Any) -> Tensor:
        """The whole tensor, with the tangent that it carries."""
        if id(shard) in self.leaves:
            return self.leaves[id(shard)]
        with torch.no_grad():
            full: Tensor = shard.full_tensor()
            tangent = self.tangents.get(id(shard))
            return full if tangent is None else forward_ad.make_dual(full, tangent.full_tensor())

    def __torch_function__(
        self, func: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        if getattr(func, "__self__", None) not in KNOWN:
            args, kwargs = torch.utils._pytree.tree_map_only(
                self.kind, self.gathered, (args, kwargs or {}))
        return func(*args, **(kwargs or {}))


class Gathered(Mapping[str, Tensor]):
    """Parameters to be read: each is gathered as it is asked for."""

    def __init__(self, shards: Mapping[str, Tensor]) -> None:
        self.shards = shards

    def __getitem__(self, name: str) -> Tensor:
        shard: Any = self.shards[name]
        full: Tensor = shard.full_tensor()
        return full

    def __iter__(self) -> Iterator[str]:
        return iter(self.shards)

    def __len__(self) -> int:
        return len(self.shards)


def axes_apart(move: PlainMove, shapes: Mapping[str, Sequence[int]]) -> list[dict[str, int]]:
    """Along which axes the tensors of a move fall into parts that it moves each on its own.

    Shard by shard, the move is then the same move: its vectors and matrices do not know the axis.
    """
    name, form, at = move["parameter"], move["form"], move.get("at")
    source = move.get("source")
    ndim = len(shapes[name])
    if source in (move.get("sum_of"), move.get("sum_over")) and source is not None:
        return []  # its sum is of all of it
    mine, theirs = move.get("part"), move.get("source_part")
    taken = set() if at is None else {
        at["axis"], *(k[0] for k in at["per"] if isinstance(k, list))}
    if form == "+Tc":  # what is added has the axes of the source but one
        assert source is not None
        if len(shapes[source]) != ndim + 1:
            return []
        axis = located(move)["axis"]
        pairs = [(k, k - (k > axis)) for k in range(ndim + 1)
                 if k not in taken | set((theirs or [])[:1])]
        return [{source: k, name: j} for k, j in pairs
                if j not in (mine or [])[:1] and shapes[source][k] == shapes[name][j]]
    taken |= set((mine or [])[:1])
    if form == "+c/T":  # the divisor has the last axes
        assert source is not None
        taken |= set(range(ndim - len(shapes[source]), ndim))
    return [{name: k} for k in range(ndim) if k not in taken]
