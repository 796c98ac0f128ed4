"""One index along an axis, which is dropped."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Select(Rewrite):
    """One index along an axis, which is dropped."""

    name = "select"
    aten = ("select.int",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """One index along an axis, which is dropped."""
        x, axis, index = args
        axis %= len(x.shape)
        index %= x.shape[axis]
        piece = build.slice(x, axis, index, index + 1)
        return build.reshape(piece, (*x.shape[:axis], *x.shape[axis + 1:]))

    def samples(self) -> Iterator[Sample]:
        yield Sample("select.int", (Sample.Tensor((2, 3)), 1, -1))
        yield Sample("select.int", (Sample.Tensor((2, 3, 4)), 0, 0))
