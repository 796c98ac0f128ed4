"""The largest integer not above x."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgauge.network.domains.base import Domain
from symgauge.network.op import Array, Primitive, Sample, Shape


class Floor(Primitive):
    """The largest integer not above x, locally constant. Unlike H(x) a positive factor moves it."""

    name = "floor"
    aten = ("floor.default",)
    branches = True

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        return shape

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.floor(xs[0])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        assert dxs[0] is not None
        return domain.zeros(dxs[0].shape)

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (None,)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\lfloor {inputs[0]} \rfloor"

    def samples(self) -> Iterator[Sample]:
        yield Sample("floor.default", (Sample.Tensor((2, 3), -3.0, 3.0),))

    def non_symmetries(self) -> Iterator[str]:
        yield "a positive factor, which leaves a sign as it is"
