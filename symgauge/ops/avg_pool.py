"""Means over windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from symgauge.ops.cumsum import along
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class AvgPool(Rewrite):
    """Means over windows, fixed or adaptive: a constant matrix for each axis."""

    name = "avg_pool"
    aten = (
        "avg_pool1d.default", "avg_pool2d.default", "avg_pool3d.default",
        "_adaptive_avg_pool2d.default", "_adaptive_avg_pool3d.default",
        "adaptive_avg_pool1d.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Windows of an adaptive pool are as equal as they can be."""
        x = args[0]
        name = overload.split(".")[0]
        d = int(name[-2])
        first = len(x.shape) - d
        if "adaptive" in name:
            for a, n in enumerate(args[1]):
                table = build.floats(_adaptive(x.shape[first + a], n).T)
                x = along(build, x, first + a, table)
            return x
        names = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad",
                 "divisor_override")
        given = dict(zip(names, args[1:]), **kwargs)
        kernel = _each(given["kernel_size"], d)
        stride = _each(given.get("stride") or kernel, d)
        padding = _each(given.get("padding", 0), d)
        divisor = given.get("divisor_override")
        for a in range(d):
            windows = _windows(
                x.shape[first + a], kernel[a], stride[a], padding[a],
                bool(given.get("ceil_mode", False)),
                bool(given.get("count_include_pad", True)), divisor is not None,
            )
            x = along(build, x, first + a, build.floats(windows.T))
        return x if divisor is None else build.scale(x, 1 / build.fraction(divisor))

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((1, 2, 4, 5))
        yield Sample("avg_pool2d.default", (x, [2, 2], [2, 2]))
        yield Sample("avg_pool2d.default", (x, [2, 3], [1, 2], [1, 1], False, False))
        yield Sample("avg_pool2d.default", (x, [2, 2], [2, 2], [0, 1], True))
        yield Sample("_adaptive_avg_pool2d.default", (x, [2, 3]))


def _each(numbers: Any, d: int) -> list[int]:
    listed = [numbers] if isinstance(numbers, int) else list(numbers)
    return listed * d if len(listed) == 1 else listed


def _adaptive(n: int, count: int) -> npt.NDArray[np.float64]:
    matrix = np.zeros((count, n))
    for i in range(count):
        low, high = i * n // count, -(-(i + 1) * n // count)
        matrix[i, low:high] = 1 / (high - low)
    return matrix


def _windows(
    n: int, kernel: int, stride: int, padding: int, ceil: bool, include: bool, plain: bool
) -> npt.NDArray[np.float64]:
    count = (n + 2 * padding - kernel + (stride - 1 if ceil else 0)) // stride + 1
    if ceil and (count - 1) * stride >= n + padding:
        count -= 1
    matrix = np.zeros((count, n))
    for i in range(count):
        start = i * stride - padding
        stop = min(start + kernel, n + padding)
        low, high = max(start, 0), min(stop, n)
        size = stop - start if include else high - low
        matrix[i, low:high] = 1 if plain else 1 / size
    return matrix
