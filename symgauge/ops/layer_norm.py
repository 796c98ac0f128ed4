"""Layer normalisation: each vector standardised, then a gain and a bias."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class LayerNorm(Rewrite):
    """gain (x - mean) / sqrt(variance + eps) + bias over the last axes."""

    name = "layer_norm"
    aten = ("native_layer_norm.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The value first; mean and deviation are read by no output."""
        x, shape, gain, bias, eps = args
        axes = tuple(range(len(x.shape) - len(shape), len(x.shape)))
        value = build.apply("standardise", x, axes=axes, eps=build.fraction(eps))
        if gain is not None:
            value = build.mul(value, gain)
        if bias is not None:
            value = build.add(value, bias)
        return value, None, None

    def samples(self) -> Iterator[Sample]:
        x, gain, bias = Sample.Tensor((2, 4)), Sample.Tensor((4,)), Sample.Tensor((4,))
        yield Sample("native_layer_norm.default", (x, [4], gain, bias, 1e-5))
        y = Sample.Tensor((2, 2, 3))
        yield Sample("native_layer_norm.default", (y, [2, 3], None, None, 0.1))
