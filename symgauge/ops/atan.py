"""atan x, the angle whose tangent is x."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from symgauge.program.array import Array, Shape
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample


class Atan(Primitive):
    """atan x, odd, with the derivative 1 / (1 + x^2)."""

    name = "atan"
    keeps_zero = True
    aten = ("atan.default",)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        return shape

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.atan(xs[0])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        assert dxs[0] is not None
        return domain.mul(dxs[0], atan_slope(domain, xs[0]))

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (domain.mul(ct, atan_slope(domain, xs[0])),)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\arctan({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("atan.default", (Sample.Tensor((2, 3)),))


def atan_slope(domain: Domain, x: Array) -> Array:
    """1 / (1 + x^2)."""
    one = domain.constant(Constant((Fraction(1),), np.zeros(x.shape[1:], dtype=np.int64)))
    return domain.reciprocal(domain.add(domain.mul(x, x), one))
