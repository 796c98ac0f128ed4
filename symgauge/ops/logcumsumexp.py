"""log of the running sums of exp x along an axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.ops.cumsum import along
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Logcumsumexp(Rewrite):
    """log of the running sums of exp x along an axis: a shift of x shifts the value."""

    name = "logcumsumexp"
    aten = ("logcumsumexp.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """log sum over j <= i of exp x[j]."""
        x = args[0]
        axis = (args[1] if len(args) > 1 else kwargs["dim"]) % max(len(x.shape), 1)
        sums = along(build, build.apply("exp", x), axis,
                     build.floats(np.tri(x.shape[axis]).T))
        return build.apply("log", sums)

    def samples(self) -> Iterator[Sample]:
        yield Sample("logcumsumexp.default", (Sample.Tensor((2, 3)), -1))
        yield Sample("logcumsumexp.default", (Sample.Tensor((2, 3, 2)), 1))
