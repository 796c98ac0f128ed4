"""Entries of x where a constant mask holds, else of y."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.network.builder import Builder, Value
from symgauge.network.op import Rewrite, Sample


class Where(Rewrite):
    """Entries of x where a constant mask holds, else of y."""

    name = "where"
    aten = (
        "where.self",
        "where.ScalarSelf",
        "where.ScalarOther",
        "where.Scalar",
        "masked_fill.Scalar",
    )

    def capture(self, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Entries of x where a constant mask holds, else of y."""
        if overload.startswith("masked_fill"):
            y, mask, x = args
        else:
            mask, x, y = args
        chosen = build.mask(mask)
        if chosen is None:
            raise CaptureError(
                "where: the mask depends on parameters or inputs, a data-dependent branch; "
                "symgauge derives only what every branch shares"
            )
        x, y = build.number(x), build.number(y)
        shape = tuple(np.broadcast_shapes(chosen.shape, x.shape, y.shape))
        chosen = np.broadcast_to(chosen, shape)
        masked = np.zeros(shape, dtype=bool)
        for part, side in ((x, chosen), (y, ~chosen)):
            if part.minus_infinity is not None:
                masked |= np.broadcast_to(part.minus_infinity, shape) & side
        x, y = (build.broadcast(Value(v.index, v.shape), shape) for v in (x, y))
        # an entry that a softmax will leave out may hold any finite value: 0
        takes_x, takes_y = chosen & ~masked, ~chosen & ~masked
        left = build.mul(x, build.floats(takes_x)) if not takes_x.all() else x
        right = build.mul(y, build.floats(takes_y)) if not takes_y.all() else y
        if not takes_y.any():
            value = left
        elif not takes_x.any():
            value = right
        else:
            value = build.add(left, right)
        return Value(value.index, shape, masked) if masked.any() else value

    def samples(self) -> Iterator[Sample]:
        mask = Sample.Mask(((True, False, True), (False, True, True)))
        yield Sample("where.self", (mask, Sample.Tensor((2, 3)), Sample.Tensor((2, 3))))
        yield Sample("where.self", (mask, Sample.Tensor((3,)), Sample.Tensor((2, 1))))
