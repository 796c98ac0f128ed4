"""log x: a scaling of x becomes a shift of the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample


class Log(Primitive):
    """log x: a scaling of x becomes a shift of the value."""

    name = "log"
    law = "logarithm"
    aten = ("log.default",)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        return shape

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.log(xs[0])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        assert dxs[0] is not None
        return domain.mul(dxs[0], self._slope(domain, xs[0], y))

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (domain.mul(ct, self._slope(domain, xs[0], y)),)

    def _slope(self, domain: Domain, x: Array, y: Array) -> Array:
        return domain.reciprocal(x)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\log({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("log.default", (Sample.Tensor((2, 3), 0.5, 2.0),))
