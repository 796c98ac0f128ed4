"""1 / x."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from symgauge.program.array import Array, Shape
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Reciprocal(Primitive):
    """1 / x."""

    name = "reciprocal"
    law = "homogeneous"
    degree = Fraction(-1)
    aten = ("reciprocal.default",)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        return shape

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.reciprocal(xs[0])

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
        return domain.scale(domain.mul(y, y), Fraction(-1))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"1 / ({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("reciprocal.default", (Sample.Tensor((2, 3), 0.5, 2.0),))


def quotient(build: Writer, a: Value, b: Value) -> Value:
    """a / b; by one number, a scaling."""
    leaf = build.node(b).leaf
    if isinstance(leaf, Constant) and len(leaf.table) == 1 and leaf.table[0]:
        return build.scale(build.broadcast(a, build.common_shape(a, b)), 1 / leaf.table[0])
    return build.mul(a, build.reciprocal(b))
