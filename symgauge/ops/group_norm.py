"""Group normalisation: the channels of a group standardised together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class GroupNorm(Rewrite):
    """gain (x - mean) / sqrt(variance + eps) + bias, mean and variance over each group."""

    name = "group_norm"
    aten = ("native_group_norm.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The value first; mean and deviation are read by no output."""
        x, gain, bias, batch, channels, _, groups, eps = args
        split = build.reshape(x, (batch, groups, channels // groups, *x.shape[2:]))
        axes = tuple(range(2, len(split.shape)))
        value = build.apply("standardise", split, axes=axes, eps=build.fraction(eps))
        value = build.reshape(value, x.shape)
        column = (channels, *(1,) * (len(x.shape) - 2))
        if gain is not None:
            value = build.mul(value, build.reshape(gain, column))
        if bias is not None:
            value = build.add(value, build.reshape(bias, column))
        return value, None, None

    def samples(self) -> Iterator[Sample]:
        x, gain, bias = Sample.Tensor((2, 4, 3)), Sample.Tensor((4,)), Sample.Tensor((4,))
        yield Sample("native_group_norm.default", (x, gain, bias, 2, 4, 3, 2, 1e-5))
