"""Images and signals of another size, by linear and cubic interpolation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import floor
from typing import Any

import numpy as np

from symgauge.ops.cumsum import along
from symgauge.program.constant import Constant
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer

#: The parameter of torch's cubic kernel.
CUBIC = Fraction(-3, 4)


class Interpolate(Rewrite):
    """Each axis behind the second times a matrix of weights whose columns sum to 1."""

    name = "interpolate"
    aten = (
        "upsample_linear1d.vec", "upsample_bilinear2d.vec", "upsample_trilinear3d.vec",
        "upsample_bicubic2d.vec", "upsample_linear1d.default", "upsample_bilinear2d.default",
        "upsample_trilinear3d.default", "upsample_bicubic2d.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """The size of the result, or the factor by which the axes grow."""
        x: Value = args[0]
        size, corners = args[1:3]
        axes = range(2, len(x.shape))
        scales: Sequence[float | None] = [None] * len(axes)
        if overload.endswith(".vec"):
            scales = (args[3] if len(args) > 3 else None) or scales
        elif any(isinstance(s, float) for s in args[3:]):
            scales = args[3:]
        cubic = "cubic" in overload
        for k, axis in enumerate(axes):
            n, scale = x.shape[axis], scales[k]
            count = int(size[k]) if size else floor(n * scale) if scale else n
            step = 1 / build.fraction(scale) if scale else Fraction(n, count)
            x = along(build, x, axis, _weights(build, n, count, step, bool(corners), cubic))
        return x

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((1, 2, 3, 4))
        line, volume = Sample.Tensor((1, 2, 3)), Sample.Tensor((1, 1, 2, 3, 2))
        for corners in (False, True):
            for kind in ("bilinear", "bicubic"):
                yield Sample(f"upsample_{kind}2d.vec", (x, [5, 3], corners, None))
                yield Sample(f"upsample_{kind}2d.vec", (x, None, corners, [2.0, 1.5]))
                yield Sample(f"upsample_{kind}2d.default", (x, [6, 2], corners))
            yield Sample("upsample_linear1d.vec", (line, [7], corners, None))
            yield Sample("upsample_linear1d.default", (line, [2], corners))
            yield Sample("upsample_trilinear3d.vec", (volume, [3, 3, 4], corners, None))
            yield Sample("upsample_trilinear3d.default", (volume, [4, 2, 2], corners))


def _weights(
    build: Writer, n: int, count: int, step: Fraction, corners: bool, cubic: bool
) -> Value:
    """What each of n entries weighs in each of `count`, exactly."""
    matrix = np.full((n, count), Fraction(0), dtype=object)
    for j in range(count):
        if corners:
            place = Fraction(j * (n - 1), count - 1) if count > 1 else Fraction(0)
        else:
            place = (j + Fraction(1, 2)) * step - Fraction(1, 2)
            place = place if cubic else max(place, Fraction(0))
        start = floor(place)
        t = place - start
        if cubic:
            near = [(start + k, _kernel(t - k)) for k in (-1, 0, 1, 2)]
        else:
            near = [(start, 1 - t), (start + 1, t)]
        for i, weight in near:
            matrix[min(max(i, 0), n - 1), j] += weight
    number = {v: k for k, v in enumerate(dict.fromkeys(matrix.reshape(-1)))}
    index = np.array([number[v] for v in matrix.reshape(-1)], dtype=np.int64)
    return build.leaf(Constant(tuple(number), index.reshape(matrix.shape)))


def _kernel(t: Fraction) -> Fraction:
    """Keys' cubic kernel at -2 <= t <= 2."""
    t, a = abs(t), CUBIC
    if t <= 1:
        return (a + 2) * t**3 - (a + 3) * t**2 + 1
    return a * t**3 - 5 * a * t**2 + 8 * a * t - 4 * a
