"""The sum over axes of a product of three tensors."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Trilinear(Rewrite):
    """The sum over axes of a product of three tensors: a bilinear layer."""

    name = "trilinear"
    aten = ("_trilinear.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Each tensor gets unit axes at the places listed for it."""
        product: Value | None = None
        for x, places in zip(args[:3], args[3:6], strict=True):
            for a in sorted(places):
                x = build.reshape(x, (*x.shape[:a], 1, *x.shape[a:]))
            product = x if product is None else build.mul(product, x)
        assert product is not None
        return build.sum(product, args[6]) if args[6] else product

    def samples(self) -> Iterator[Sample]:
        x, w, y = Sample.Tensor((2, 3)), Sample.Tensor((4, 3, 2)), Sample.Tensor((2, 2))
        yield Sample("_trilinear.default", (x, w, y, [1, 3], [0], [1, 2], [2, 3]))
