"""Consecutive ranges along an axis, as a tuple."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Split(Rewrite):
    """Consecutive ranges along an axis, as a tuple."""

    name = "split"
    aten = ("split.Tensor", "split_with_sizes.default", "unbind.int")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Consecutive ranges along an axis, as a tuple."""
        x = args[0]
        if overload == "unbind.int":
            axis = (args[1] if len(args) > 1 else kwargs.get("dim", 0)) % len(x.shape)
            rest = (*x.shape[:axis], *x.shape[axis + 1:])
            cuts = range(x.shape[axis])
            return tuple(build.reshape(build.slice(x, axis, i, i + 1), rest) for i in cuts)
        axis = (args[2] if len(args) > 2 else kwargs.get("dim", 0)) % len(x.shape)
        total = x.shape[axis]
        if isinstance(args[1], int):
            starts = list(range(0, total, args[1]))
            bounds = [(s, min(s + args[1], total)) for s in starts]
        else:
            ends = list(accumulate(args[1]))
            bounds = list(zip([0, *ends], ends, strict=False))
        return tuple(build.slice(x, axis, s, e) for s, e in bounds)

    def samples(self) -> Iterator[Sample]:
        yield Sample("split.Tensor", (Sample.Tensor((5, 2)), 2))
        yield Sample("split_with_sizes.default", (Sample.Tensor((2, 5)), [2, 3], -1))
        yield Sample("unbind.int", (Sample.Tensor((2, 3)), 1))
