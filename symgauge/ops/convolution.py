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

    One matrix product over (channel, kernel place): channels are legs. A transposed convolution,
    whose kernel is w[c, o, k], sums over the places i with stride i + dilation k - padding = j.
    """

    name = "convolution"
    aten = ("convolution.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Windows are taken from x; the channels of a group are contracted with its kernels."""
        x, w, b, stride, padding, dilation, transposed, more, groups = args
        kernel = w.shape[2:]
        spread = [_spread(numbers, kernel) for numbers in (stride, padding, dilation)]
        if transposed:
            seen = spread_windows(build, x, kernel, [*spread, _spread(more, kernel)])
            w, outer = build.reshape(w, (groups, w.shape[0] // groups, *w.shape[1:])), w.shape[1]
            w = build.permute(w, (0, 2, 1, *range(3, len(w.shape))))
        else:
            for d, width in enumerate(spread[1]):
                x = pad(build, x, d + 2, (width, width), Fraction(0))
            seen, outer = windows(build, x, kernel, spread[0], spread[2]), w.shape[0] // groups
        d = len(kernel)
        batch, size, count = x.shape[0], seen.shape[2 + d:], groups * outer
        inner = x.shape[1] // groups * prod(kernel)
        # (n, c, k..., i...) to (c, k..., n, i...): channels and kernel places in front
        seen = build.permute(seen, (*range(1, 2 + d), 0, *range(2 + d, 2 + 2 * d)))
        lead = (groups,) if groups > 1 else ()
        columns = build.reshape(seen, (*lead, inner, batch * prod(size)))
        rows = build.reshape(w, (*lead, outer, inner))
        y = build.reshape(build.apply("matmul", rows, columns), (count, batch, *size))
        y = build.permute(y, (1, 0, *range(2, 2 + d)))
        return y if b is None else build.add(y, build.reshape(b, (count, *(1,) * d)))

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
        up, x = Sample.Tensor((4, 3, 2)), Sample.Tensor((2, 4, 3))
        yield Sample("convolution.default", (x, up, None, [1], [0], [1], True, [0], 1))
        yield Sample("convolution.default", (x, up, b, [3], [1], [2], True, [1], 2))
        yield Sample("convolution.default", (x, up, None, [2], [2], [1], True, [0], 1))
        kernel = Sample.Tensor((2, 3, 2, 3))
        yield Sample("convolution.default",
                     (image, kernel, None, [2, 1], [0, 1], [1, 2], True, [1, 0], 1))


def _spread(numbers: Sequence[int], kernel: Sequence[int]) -> list[int]:
    return list(numbers) if len(numbers) == len(kernel) else list(numbers) * len(kernel)


def windows(
    build: Writer, x: Value, kernel: Sequence[int], stride: Sequence[int],
    dilation: Sequence[int],
) -> Value:
    """(n, c, i...) to (n, c, k..., o...): the entries that each window sees."""
    places = []
    for k, s, t, n in zip(kernel, stride, dilation, x.shape[2:], strict=True):
        count = (n - t * (k - 1) - 1) // s + 1
        if count < 1:
            raise CaptureError("convolution: the kernel is larger than the padded input")
        places.append(t * np.arange(k)[:, None] + s * np.arange(count))
    return _taken(build, x, places)


def spread_windows(
    build: Writer, x: Value, kernel: Sequence[int], numbers: Sequence[Sequence[int]],
) -> Value:
    """(n, c, i...) to (n, c, k..., o...): the entry that reaches o through k, or a 0.

    `numbers` are stride, padding, dilation and output_padding, along each axis.
    """
    places = []
    for a, (k, s, p, t, m, n) in enumerate(zip(
            kernel, *numbers, x.shape[2:], strict=True)):
        count = s * (n - 1) + t * (k - 1) + m + 1 - 2 * p
        if count < 1:
            raise CaptureError("a transposed convolution: the padding leaves no output")
        found = np.arange(count) + p - t * np.arange(k)[:, None]
        reached = (found % s == 0) & (0 <= found) & (found <= s * (n - 1))
        places.append(np.where(reached, found // s, n))
        x = pad(build, x, 2 + a, (0, 1), Fraction(0))
    return _taken(build, x, places)


def _taken(build: Writer, x: Value, places: Sequence[Any]) -> Value:
    """(n, c, i...) to (n, c, k..., o...) by the places (k, o) of each axis."""
    d = len(places)
    for a in reversed(range(d)):
        x = take(build, x, 2 + a, places[a])
    return build.permute(x, (0, 1, *range(2, 2 + 2 * d, 2), *range(3, 2 + 2 * d, 2)))
