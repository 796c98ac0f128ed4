"""A source broadcast to the shape of a tensor that it replaces."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Copy(Rewrite):
    """A source broadcast to the shape of the tensor that it replaces."""

    name = "copy"
    aten = ("copy.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """The tensor that is replaced gives the shape alone."""
        return build.broadcast(build.number(args[1]), args[0].shape)

    def samples(self) -> Iterator[Sample]:
        yield Sample("copy.default", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
