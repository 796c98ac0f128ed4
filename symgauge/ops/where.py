"""Entries of x where a mask holds, else of y."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Where(Rewrite):
    """Entries of x where a mask holds, else of y; m x + (1 - m) y where a branch decides m."""

    name = "where"
    aten = (
        "where.self",
        "where.ScalarSelf",
        "where.ScalarOther",
        "where.Scalar",
        "masked_fill.Scalar",
        "masked_fill.Tensor",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Entries of x where a constant mask holds, else of y."""
        if overload.startswith("masked_fill"):
            y, mask, x = args
        else:
            mask, x, y = args
        chosen = build.mask(mask)
        x, y = build.number(x), build.number(y)
        if chosen is None or x.kept is not None or y.kept is not None:
            return _decided(build, mask, x, y)
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


def _decided(build: Writer, mask: Value, x: Value, y: Value) -> Value:
    """m x + (1 - m) y; what is minus infinity on its side is marked by the line that keeps it."""
    rest = build.add(build.scale(mask, -1), 1)
    shape = build.common_shape(mask, x, y)
    sides, kept = [], []
    for part, side in ((x, mask), (y, rest)):
        if part.minus_infinity is not None and part.minus_infinity.all():
            continue
        sides.append((Value(part.index, part.shape), side))
        if part.kept is not None:
            side = build.mul(side, build.value(part.kept))
        elif part.minus_infinity is not None:
            side = build.mul(side, build.floats(~part.minus_infinity))
        kept.append(side)
    if not sides:
        return build.broadcast(x, shape)
    if len(sides) == 1:
        ((value, _),) = sides
        return Value(build.broadcast(value, shape).index, shape,
                     kept=build.broadcast(kept[0], shape).index)
    value = build.add(*(build.mul(side, v) for v, side in sides))
    if kept == [side for _, side in sides]:
        return value
    finite = build.add(*(build.broadcast(k, shape) for k in kept))
    return Value(value.index, shape, kept=finite.index)
