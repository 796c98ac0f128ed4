"""Tensors side by side along a new axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Stack(Rewrite):
    """Tensors side by side along a new axis."""

    name = "stack"
    aten = ("stack.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Tensors side by side along a new axis."""
        xs, axis = (*args, 0)[:2]
        axis = kwargs.get("dim", axis) % (len(xs[0].shape) + 1)
        parts = [build.reshape(x, (*x.shape[:axis], 1, *x.shape[axis:])) for x in xs]
        return parts[0] if len(parts) == 1 else build.apply("concatenate", *parts, axis=axis)

    def samples(self) -> Iterator[Sample]:
        yield Sample("stack.default", ([Sample.Tensor((2, 3)), Sample.Tensor((2, 3))], -1))
