"""Products over an axis, whole or running."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Prod(Rewrite):
    """The product over an axis (or all), or its running products."""

    name = "prod"
    aten = ("prod.default", "prod.dim_int", "cumprod.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """One factor after the other."""
        x = args[0]
        if overload == "prod.default":
            x, axis = build.reshape(x, (prod(x.shape),)), 0
        else:
            axis = args[1] % max(len(x.shape), 1)
        parts = [build.slice(x, axis, i, i + 1) for i in range(x.shape[axis])]
        running = parts[:1]
        for part in parts[1:]:
            running.append(build.mul(running[-1], part))
        if overload == "cumprod.default":
            return running[0] if len(running) == 1 else build.apply(
                "concatenate", *running, axis=axis
            )
        keep = len(args) > 2 and args[2] or kwargs.get("keepdim", False)
        rest = (*x.shape[:axis], *x.shape[axis + 1:])
        return running[-1] if keep else build.reshape(running[-1], rest)

    def samples(self) -> Iterator[Sample]:
        yield Sample("prod.default", (Sample.Tensor((2, 3)),))
        yield Sample("prod.dim_int", (Sample.Tensor((2, 3)), 1))
        yield Sample("prod.dim_int", (Sample.Tensor((2, 3)), 0, True))
        yield Sample("cumprod.default", (Sample.Tensor((2, 3)), -1))
