"""Convolution (correlation) over one, two or three axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.ops.constant_pad_nd import pad
from symgauge.ops.take import take
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Convolution(Rewrite):
    """y[n, o, i] = sum over c, k of w[o, c, k] x[n, c, stride i + dilation k - padding] + b[o].

    One matrix product over (channel, kernel place): channels are legs.
    """

    name = "convolution"
    aten = ("convolution.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Windows are taken from x; the channels of a group are contracted with its kernels."""
        x, w, b, stride, padding, dilation, transposed, _, groups = args
        if transposed:
            raise CaptureError(
                "a transposed convolution has no rule yet; write it as an upsampling followed "
                "by a convolution"
            )
        kernel = w.shape[2:]
        for d, width in enumerate(_spread(padding, kernel)):
            x = pad(build, x, d + 2, (width, width), Fraction(0))
        seen = windows(build, x, kernel, _spread(stride, kernel), _spread(dilation, kernel))
        d = len(kernel)
        batch, size = x.shape[0], seen.shape[2 + d:]
        inner, outer = w.shape[1] * prod(kernel), w.shape[0] // groups
        # (n, c, k..., i...) to (c, k..., n, i...): channels and kernel places in front
        seen = build.permute(seen, (*range(1, 2 + d), 0, *range(2 + d, 2 + 2 * d)))
        lead = (groups,) if groups > 1 else ()
        columns = build.reshape(seen, (*lead, inner, batch * prod(size)))
        rows = build.reshape(w, (*lead, outer, inner))
        y = build.reshape(build.apply("matmul", rows, columns), (w.shape[0], batch, *size))
        y = build.permute(y, (1, 0, *range(2, 2 + d)))
        return y if b is None else build.add(y, build.reshape(b, (w.shape[0], *(1,) * d)))

    def samples(self) -> Iterator[Sample]:
        x, w, b = Sample.Tensor((2, 4, 5)), Sample.Tensor((6, 4, 2)), Sample.Tensor((6,))
        yield Sample("convolution.default", (x, w, b, [1], [0], [1], False, [0], 1))
        yield Sample("convolution.default", (x, w, None, [2], [1], [2], False, [0], 1))
        depthwise = Sample.Tensor((4, 1, 2))
        yield Sample("convolution.default", (x, depthwise, None, [1], [0], [1], False, [0], 4))
        grouped = Sample.Tensor((6, 2, 2))
        yield Sample("convolution.default", (x, grouped, b, [1], [1], [1], False, [0], 2))
        image, kernel = Sample.Tensor((2, 2, 4, 3)), Sample.Tensor((3, 2, 2, 3))
        yield Sample("convolution.default",
                     (image, kernel, None, [1, 2], [1, 1], [1, 1], False, [0, 0], 1))


def _spread(numbers: Sequence[int], kernel: Sequence[int]) -> list[int]:
    return list(numbers) if len(numbers) == len(kernel) else list(numbers) * len(kernel)


def windows(
    build: Writer, x: Value, kernel: Sequence[int], stride: Sequence[int],
    dilation: Sequence[int],
) -> Value:
    """(n, c, i...) to (n, c, k..., o...): the entries that each window sees."""
    d = len(kernel)
    places = []
    for k, s, t, n in zip(kernel, stride, dilation, x.shape[2:], strict=True):
        count = (n - t * (k - 1) - 1) // s + 1
        if count < 1:
            raise CaptureError("convolution: the kernel is larger than the padded input")
        places.append(t * np.arange(k)[:, None] + s * np.arange(count))
    for a in reversed(range(d)):
        x = take(build, x, 2 + a, places[a])
    order = (0, 1, *range(2, 2 + 2 * d, 2), *range(3, 2 + 2 * d, 2))
    return build.permute(x, order)
