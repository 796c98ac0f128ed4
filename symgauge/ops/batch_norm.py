"""Batch normalisation: each channel standardised, by the batch or by running statistics."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np

from symgauge.program.constant import Constant
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class BatchNorm(Rewrite):
    """gain (x - mean) / sqrt(variance + eps) + bias for each channel, axis 1.

    In train mode mean and variance are the batch's; in eval mode they are constants.
    """

    name = "batch_norm"
    aten = (
        "_native_batch_norm_legit.default", "_native_batch_norm_legit.no_stats",
        "_native_batch_norm_legit_functional.default",
        "_native_batch_norm_legit_no_training.default",
        "_batch_norm_with_update_functional.default", "_batch_norm_no_update.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The value first; the statistics that follow it are read by no output."""
        x, gain, bias, *rest = args
        train, eps = True, build.fraction(rest[-1])
        if not overload.endswith("no_stats"):
            train = "no_training" not in overload and "no_update" not in overload
            if train and len(rest) == 5:
                train = bool(rest[2])
        if train:
            axes = tuple(a for a in range(len(x.shape)) if a != 1)
            value = build.apply("standardise", x, axes=axes, eps=eps)
        else:
            mean, root = _channel(rest[0], build, x), _channel(_root(rest[1], build, eps), build, x)
            value = build.mul(build.add(x, build.scale(mean, -1)), root)
        if gain is not None:
            value = build.mul(value, _channel(gain, build, x))
        if bias is not None:
            value = build.add(value, _channel(bias, build, x))
        return (value, *(None,) * 4)

    def samples(self) -> Iterator[Sample]:
        x, gain, bias = Sample.Tensor((2, 3, 4)), Sample.Tensor((3,)), Sample.Tensor((3,))
        variance = Sample.Tensor((3,), 0.5, 2.0)
        yield Sample("_native_batch_norm_legit.no_stats", (x, gain, bias, True, 0.1, 1e-5))
        yield Sample("_native_batch_norm_legit_no_training.default",
                     (x, gain, bias, Sample.Tensor((3,)), variance, 0.1, 1e-5))


def _root(variance: Value, build: Writer, eps: Fraction) -> Value:
    leaf = build.node(variance).leaf
    if isinstance(leaf, Constant):
        # the root of a constant is the nearest float: it is exact in no other way
        return build.floats(1 / np.sqrt(leaf.floats() + float(eps)))
    return build.apply("rsqrt", build.add(variance, eps))


def _channel(v: Value, build: Writer, x: Value) -> Value:
    return build.reshape(v, (v.shape[0], *(1,) * (len(x.shape) - 2)))
