"""Copies side by side."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Repeat(Rewrite):
    """Copies side by side along every axis."""

    name = "repeat"
    aten = ("repeat.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """A unit axis in front of each axis is repeated, and the two are merged."""
        x, times = args[0], tuple(args[1])
        shape = (1,) * (len(times) - len(x.shape)) + x.shape
        pairs = tuple(n for m in shape for n in (1, m))
        wide = tuple(n for t, m in zip(times, shape, strict=True) for n in (t, m))
        spread = build.broadcast(build.reshape(x, pairs), wide)
        return build.reshape(spread, tuple(t * m for t, m in zip(times, shape, strict=True)))

    def samples(self) -> Iterator[Sample]:
        yield Sample("repeat.default", (Sample.Tensor((2, 3)), [2, 1]))
        yield Sample("repeat.default", (Sample.Tensor((3,)), [2, 2]))
