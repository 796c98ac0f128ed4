"""Matrix products, batched."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample


class Matmul(Primitive):
    """x y over the last two axes; g on the contracted axis of x and g^-T on y's cancel."""

    name = "matmul"
    law = "contraction"
    bilinear = True
    aten = ("mm.default", "bmm.default")

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        a, b = shapes
        if len(a) < 2 or a[:-2] != b[:-2] or a[-1] != b[-2]:
            raise ValueError(f"matmul: shapes {a} and {b}")
        return (*a[:-1], b[-1])

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.matmul(xs[0], xs[1])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        a, b = dxs
        if a is None:
            assert b is not None
            return domain.matmul(xs[0], b)
        if b is None:
            return domain.matmul(a, xs[1])
        return domain.add(domain.matmul(a, xs[1]), domain.matmul(xs[0], b))

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        a, b = (np.swapaxes(x, -1, -2) for x in xs)
        return domain.matmul(ct, b), domain.matmul(a, ct)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        a, b = inputs
        for p, q in zip(a[:-2], b[:-2], strict=True):
            legs.unify(p, q)
        legs.unify(a[-1], b[-2], parity=-1)
        return [*a[:-1], b[-1]]

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return r"\,".join(inputs)

    def samples(self) -> Iterator[Sample]:
        yield Sample("mm.default", (Sample.Tensor((2, 3)), Sample.Tensor((3, 4))))
        yield Sample("bmm.default", (Sample.Tensor((2, 2, 3)), Sample.Tensor((2, 3, 1))))

    def non_symmetries(self) -> Iterator[str]:
        yield "g on the contracted axis of both factors"
