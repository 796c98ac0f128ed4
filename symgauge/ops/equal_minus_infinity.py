"""x == -inf: true just where a mask put minus infinity."""

from __future__ import annotations

from collections.abc import Iterator
import math
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.network.builder import Builder
from symgauge.network.op import Rewrite, Sample


class EqualMinusInfinity(Rewrite):
    """x == -inf: true just where a mask put minus infinity."""

    name = "equal_minus_infinity"
    aten = ("eq.Scalar",)

    def capture(self, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Any:
        """x == -inf: true just where a mask put minus infinity."""
        x, other = args
        if other != -math.inf:
            raise CaptureError(f"a comparison with {other} is a data-dependent branch")
        mask = x.minus_infinity
        return np.zeros(x.shape, dtype=bool) if mask is None else mask

    def samples(self) -> Iterator[Sample]:
        yield from ()
