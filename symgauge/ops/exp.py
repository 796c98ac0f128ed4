"""exp x: a shift of x becomes a scaling of the value."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Exp(Primitive):
    """exp x: a shift of x becomes a scaling of the value."""

    name = "exp"
    law = "exponential"
    converse = "exponential"
    exponentiates = True
    aten = ("exp.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """exp of minus infinity is 0."""
        return zero_below(build, "exp", args[0])

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        return shape

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.exp(xs[0])

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
        return y

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\exp({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("exp.default", (Sample.Tensor((2, 3), -1.0, 1.0),))


def zero_below(build: Writer, name: str, x: Value) -> Value:
    """A function whose value at minus infinity is 0."""
    value = build.apply(name, Value(x.index, x.shape))
    if x.kept is not None:
        return build.mul(value, build.value(x.kept))
    mask = x.minus_infinity
    return value if mask is None else build.mul(value, build.floats(~mask))
