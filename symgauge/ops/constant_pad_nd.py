"""A border of one number around the last axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class ConstantPad(Rewrite):
    """A border of one number around the last axes; a negative width cuts off."""

    name = "constant_pad_nd"
    aten = ("constant_pad_nd.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """Widths come in pairs, the last axis first."""
        x, widths, value = (*args, 0)[:3]
        number = build.fraction(kwargs.get("value", value))
        for k in range(len(widths) // 2):
            x = pad(build, x, len(x.shape) - 1 - k, widths[2 * k:2 * k + 2], number)
        return x

    def samples(self) -> Iterator[Sample]:
        yield Sample("constant_pad_nd.default", (Sample.Tensor((2, 3)), [1, 2, 0, 1]))
        yield Sample("constant_pad_nd.default", (Sample.Tensor((2, 3)), [-1, 1], 0.5))


def pad(build: Writer, x: Value, axis: int, widths: Sequence[int], value: Fraction) -> Value:
    """A border of `value` before and after one axis."""
    low, high = widths
    x = build.slice(x, axis, max(-low, 0), x.shape[axis] - max(-high, 0))
    parts = [x]
    for width, place in ((low, 0), (high, 2)):
        if width > 0:
            border = build.full(value, (*x.shape[:axis], width, *x.shape[axis + 1:]))
            parts = [border, *parts] if place == 0 else [*parts, border]
    return x if len(parts) == 1 else build.apply("concatenate", *parts, axis=axis)
