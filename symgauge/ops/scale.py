"""c x for a rational number c."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgauge.errors import CaptureError
from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Scale(Primitive):
    """c x, c an exact rational."""

    name = "scale"
    law = "multiple"
    linear = True
    aten = ("neg.default",)
    rational_attrs = ("factor",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """-x."""
        return build.scale(args[0], -1)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        return shape

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.scale(xs[0], attrs["factor"])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        assert dxs[0] is not None
        return domain.scale(dxs[0], attrs["factor"])

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (domain.scale(ct, attrs["factor"]),)

    def minus_infinity(self, masks: Sequence[Array | None], **attrs: Any) -> Array | None:
        if attrs["factor"] <= 0:
            raise CaptureError("minus infinity is multiplied by a number <= 0")
        return masks[0]

    def vanishes(self, zero: Sequence[bool], **attrs: Any) -> bool:
        return bool(attrs["factor"] == 0 or all(zero))

    def terms(self, counts: Sequence[int], shapes: Sequence[Shape], **attrs: Any) -> int | None:
        return counts[0]

    def latex(self, *inputs: str, **attrs: Any) -> str:
        factor = attrs["factor"]
        if factor == -1:
            return f"-{inputs[0]}"
        text = str(factor)
        if len(text) > 12:
            text = f"{float(factor):.6g}"
        return rf"{text}\,{inputs[0]}"

    def samples(self) -> Iterator[Sample]:
        yield Sample("neg.default", (Sample.Tensor((2, 3)),))
