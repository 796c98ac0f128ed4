"""How many of some integers, decided by branches, are 0, 1, 2, ..."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from symgauge.errors import CaptureError
from symgauge.ops.one_hot import one_hot
from symgauge.ops.rounding import is_integer
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Histc(Rewrite):
    """How many of some integers, decided by branches, are 0, 1, 2, ..."""

    name = "histc"
    aten = ("histc.default", "bincount.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Bins of width 1 around the integers from 0."""
        x = args[0]
        if overload.startswith("bincount"):
            raise CaptureError("bincount: the number of bins depends on data; use histc")
        names = ("bins", "min", "max")
        given = dict(zip(names, args[1:]), **kwargs)
        bins, low, high = (given.get(name, 0) for name in names)
        if not is_integer(build, x) or low != 0 or high != bins - 1:
            raise CaptureError("histc counts real numbers; only integers that a branch decided")
        return build.sum(one_hot(build, build.reshape(x, (prod(x.shape),)), bins), 0)

    def samples(self) -> Iterator[Sample]:
        yield from ()
