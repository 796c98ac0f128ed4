"""Variance and standard deviation over axes."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from math import prod
from typing import Any

from symgauge.ops.standardise import mean, moments
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class Var(Rewrite):
    """sum (x - mean)^2 / (n - correction) over axes, its root, with or without the mean."""

    name = "var"
    aten = ("var.correction", "std.correction", "var_mean.correction", "std_mean.correction")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """No axes means all; the correction is 1 unless given."""
        x, dims = (*args, None)[:2]
        dims = kwargs.get("dim", dims)
        listed = [dims] if isinstance(dims, int) else list(dims or range(len(x.shape)))
        axes = tuple(sorted({d % len(x.shape) for d in listed}))
        given = kwargs.get("correction")
        correction = build.fraction(1 if given is None else given)
        count = prod(x.shape[a] for a in axes)
        value = build.scale(moments(build, x, axes)[1], Fraction(count) / (count - correction))
        if overload.startswith("std"):
            value = build.apply("sqrt", value)
        both = (value, mean(build, x, axes))
        if not kwargs.get("keepdim", False):
            rest = tuple(n for a, n in enumerate(x.shape) if a not in axes)
            both = (build.reshape(both[0], rest), build.reshape(both[1], rest))
        return both if "_mean" in overload else both[0]

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((2, 3, 4))
        yield Sample("var.correction", (x, [-1]))
        yield Sample("var.correction", (x, [0, 2]), {"correction": 0, "keepdim": True})
        yield Sample("std.correction", (x, [1]), {"correction": 0})
        yield Sample("var_mean.correction", (x, [-1]), {"correction": 0, "keepdim": True})
