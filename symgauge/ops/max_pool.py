"""The largest entry of each window."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.ops.take import take
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class MaxPool(Rewrite):
    """The largest entry of each window."""

    name = "max_pool"
    aten = (
        "max_pool2d_with_indices.default", "max_pool3d_with_indices.default",
        "adaptive_max_pool2d.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """A padded place repeats an entry of its window: the largest entry is the same."""
        x, d = args[0], 3 if "3d" in overload else 2
        if overload.startswith("adaptive"):
            raise CaptureError("adaptive_max_pool has no rule yet; use a max pool of fixed windows")
        names = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
        given = dict(zip(names, args[1:]), **kwargs)
        kernel, stride, padding, dilation = (
            _each(given.get(name) or default, d)
            for name, default in zip(names, (1, given["kernel_size"], 0, 1))
        )
        first = len(x.shape) - d
        for a in reversed(range(d)):
            n, k, s, p, t = x.shape[first + a], kernel[a], stride[a], padding[a], dilation[a]
            span = n + 2 * p - t * (k - 1) - 1
            count = (span + (s - 1 if given.get("ceil_mode") else 0)) // s + 1
            if given.get("ceil_mode") and (count - 1) * s >= n + p:
                count -= 1
            places = t * np.arange(k)[:, None] + s * np.arange(count) - p
            inside = (0 <= places) & (places < n)
            some = places[inside.argmax(axis=0), np.arange(count)]
            x = take(build, x, first + a, np.where(inside, places, some))
        lead = x.shape[:first]
        size = tuple(x.shape[first + 2 * a + 1] for a in range(d))
        windows = (*range(first), *range(first + 1, first + 2 * d, 2),
                   *range(first, first + 2 * d, 2))
        seen = build.reshape(build.permute(x, windows), (*lead, *size, prod(kernel)))
        return build.apply("amax", seen), None

    def samples(self) -> Iterator[Sample]:
        x = Sample.Tensor((1, 2, 4, 5))
        yield Sample("max_pool2d_with_indices.default", (x, [2, 2]))
        yield Sample("max_pool2d_with_indices.default", (x, [3, 2], [2, 1], [1, 1]))


def _each(numbers: Any, d: int) -> list[int]:
    listed = [numbers] if isinstance(numbers, int) else list(numbers)
    return listed * d if len(listed) == 1 else listed
