"""x * y, entrywise."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgauge.errors import CaptureError
from symgauge.program.array import Array, Shape
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Mul(Primitive):
    """x * y entrywise: weights of diagonal scalings add."""

    name = "mul"
    law = "product"
    bilinear = True
    aten = ("mul.Tensor", "mul.Scalar")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """A product with one number becomes a scaling."""
        a, b = (build.number(x) for x in args)
        for x, c in ((a, b), (b, a)):
            leaf = build.node(c).leaf
            if isinstance(leaf, Constant) and len(leaf.table) == 1 and c.minus_infinity is None:
                if x.minus_infinity is not None and leaf.table[0] <= 0:
                    raise CaptureError("minus infinity is multiplied by a number <= 0")
                shape = build.common_shape(a, b)
                return build.scale(build.broadcast(x, shape), leaf.table[0])
        return build.mul(a, b)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        a, b = shapes
        if a != b:
            raise ValueError(f"mul: shapes {a} and {b}")
        return a

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.mul(xs[0], xs[1])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        a, b = dxs
        if a is None:
            assert b is not None
            return domain.mul(xs[0], b)
        if b is None:
            return domain.mul(a, xs[1])
        return domain.add(domain.mul(a, xs[1]), domain.mul(xs[0], b))

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return domain.mul(ct, xs[1]), domain.mul(ct, xs[0])

    def terms(self, counts: Sequence[int], shapes: Sequence[Shape], **attrs: Any) -> int | None:
        return counts[0] * counts[1]

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return r" \odot ".join(inputs)

    def samples(self) -> Iterator[Sample]:
        yield Sample("mul.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
        yield Sample("mul.Tensor", (Sample.Tensor((2, 3)), 0.75))
        yield Sample("mul.Scalar", (Sample.Tensor((2,)), -2))

    def non_symmetries(self) -> Iterator[str]:
        yield "scaling both inputs by the same factor"
