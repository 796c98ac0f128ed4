"""The inputs at which a module is run: floats at random, integers over all that it takes.

How far integers range is asked of the module: ids of a table stop where it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from symgauge.capture.outputs import path_name

Inputs = tuple[tuple[Any, ...], dict[str, Any]]
SCALES = (1.0, 0.1, 10.0, 3.0)
#: Scales at which thresholds show that the others do not reach.
FAR = (1e3, 1e-3)
#: How far beyond the example's integers those are drawn that stop nowhere.
BEYOND = 5


class Draws:
    """Inputs of the example's shapes.

    `returned` runs the module, `sizes` are the lengths of its axes, `rows` those of the tables
    whose ids an input of that number is known to be.
    """

    def __init__(
        self, example: Inputs, returned: Callable[[Inputs], Sequence[Tensor]],
        sizes: Iterable[int], rows: Mapping[int, int],
    ) -> None:
        self.example, self._returned = example, returned
        flat, self._spec = pytree.tree_flatten_with_path(example)
        self._leaves = [x for _, x in flat]
        self._names = [path_name(path[1:]) or str(i) for i, (path, _) in enumerate(flat)]
        tensors = [k for k, x in enumerate(self._leaves) if isinstance(x, Tensor)]
        self.floats = [k for k in tensors if self._leaves[k].is_floating_point()]
        lengths = {1, *sizes, *(n for k in tensors for n in self._leaves[k].shape)}
        #: For each input of integers or truth values how many are drawn from, from 0 on.
        self.counts = {
            k: self._count(k, rows.get(number, 0), lengths)
            for number, k in enumerate(tensors) if k not in self.floats}
        #: Whether all that is drawn is known to be taken.
        self._sure = set(self.counts) <= {
            k for number, k in enumerate(tensors) if self.counts.get(k) == rows.get(number)}
        self._varied: set[int] = set()

    @property
    def held(self) -> list[str]:
        """Inputs of integers that nothing but the example's value was taken for."""
        return [self._names[k] for k in self.counts if k not in self._varied]

    def draw(self, count: int, seed: int, first: Sequence[int] = ()) -> list[Inputs]:
        """Random inputs of several scales; integers take the values of `first` before others."""
        generator = torch.Generator().manual_seed(seed)
        return [self._one(i, generator, first, SCALES[i % len(SCALES)]) for i in range(count)]

    def far(self, seed: int) -> list[Inputs]:
        """Random inputs of scales far beyond; none where no input is of floats."""
        generator = torch.Generator().manual_seed(seed)
        return [self._one(i, generator, (), s) for i, s in enumerate(FAR)] if self.floats else []

    def _one(
        self, i: int, generator: torch.Generator, first: Sequence[int], scale: float
    ) -> Inputs:
        leaves, before = list(self._leaves), {k: self._leaves[k] for k in self.counts}
        for k in self.floats:
            noise = torch.randn(leaves[k].shape, generator=generator, dtype=torch.float64)
            leaves[k] = noise * scale
        drawn = {k: self._integers(k, i, generator, first) for k in self.counts}
        alone = [{k: x} for k, x in drawn.items()] if len(drawn) > 1 else []
        turn = i % max(len(alone), 1)
        for chosen in (drawn, *alone[turn:], *alone[:turn]):
            inputs = self._made(leaves, {**before, **chosen})
            if self._sure or self._takes(inputs):
                self._varied |= {
                    k for k, x in chosen.items() if not torch.equal(x, self._leaves[k])}
                return inputs
        return self._made(leaves, before)

    def _integers(
        self, k: int, i: int, generator: torch.Generator, first: Sequence[int]
    ) -> Tensor:
        x, count = self._leaves[k], self.counts[k]
        found = torch.randint(count, x.shape, generator=generator)
        if x.dtype != torch.bool:
            some = [v for v in first if v < count][i * x.numel():(i + 1) * x.numel()]
            found.view(-1)[:len(some)] = torch.tensor(some, dtype=found.dtype)
        found = found.to(x.dtype)
        if i % 2 == 0 and torch.equal(found, x):  # every other one is not the example's
            found = ~x if x.dtype == torch.bool else (x + 1) % count
        return found

    def _made(self, leaves: Sequence[Any], chosen: Mapping[int, Tensor]) -> Inputs:
        found: Inputs = pytree.tree_unflatten(
            [chosen.get(k, x) for k, x in enumerate(leaves)], self._spec)
        return found

    # -- what the module takes -----------------------------------------------------------------

    def _takes(self, inputs: Inputs) -> bool:
        """Whether the module runs there, and returns no NaN."""
        try:
            return not any(x.isnan().any() for x in self._returned(inputs))
        except Exception:  # whatever a module raises for an id that it has no row for
            return False

    def _count(self, k: int, rows: int, lengths: Iterable[int]) -> int:
        """How many integers from 0 on an input takes."""
        x = self._leaves[k]
        if x.dtype == torch.bool:
            return 2
        top = int(x.max()) if x.numel() else 0

        def takes(value: int) -> bool:
            return value <= torch.iinfo(x.dtype).max and self._takes(
                self._made(self._leaves, {k: torch.full_like(x, value)}))

        if rows and takes(rows - 1):
            return rows
        # no table has as many rows: what takes this integer takes any
        if takes(max(*lengths, top) + BEYOND):
            return max(top, 0) + BEYOND
        # a table's length, or less where something is added to the id
        tried = sorted({n - less for n in lengths for less in range(5) if n - less > top + 1})
        low, high = 0, len(tried)
        while low < high:
            middle = (low + high) // 2
            low, high = (middle + 1, high) if takes(tried[middle] - 1) else (low, middle)
        return tried[low - 1] if low else max(top, 0) + 1
