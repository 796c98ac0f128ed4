"""x to an integer power, and ATen's pow."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Power(Primitive):
    """x**k for an integer k >= 2: homogeneous of degree k."""

    name = "power"
    converse = "power"
    law = "homogeneous"
    keeps_zero = True
    aten = ("pow.Tensor_Scalar",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Integer and half-integer exponents, of either sign; others by exp(k log x), x > 0."""
        x, exponent = args
        k = Fraction(exponent)
        if k.denominator not in (1, 2):
            logarithm = build.apply("log", x)
            return build.apply("exp", build.scale(logarithm, build.fraction(exponent)))
        if k == 0:
            return build.full(1, x.shape)
        whole = abs(k) if k.denominator == 1 else abs(k) - Fraction(1, 2)
        value = None
        if whole:
            value = x if whole == 1 else build.apply("power", x, exponent=int(whole))
        if k < 0:
            value = None if value is None else build.reciprocal(value)
        if k.denominator == 2:
            root = build.apply("rsqrt" if k < 0 else "sqrt", x)
            value = root if value is None else build.mul(value, root)
        assert value is not None
        return value

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        if not isinstance(attrs["exponent"], int) or attrs["exponent"] < 2:
            raise ValueError(f"power: exponent {attrs['exponent']}")
        (shape,) = shapes
        return shape

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.power(xs[0], attrs["exponent"])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        assert dxs[0] is not None
        return domain.mul(dxs[0], self._slope(domain, xs[0], attrs["exponent"]))

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (domain.mul(ct, self._slope(domain, xs[0], attrs["exponent"])),)

    def _slope(self, domain: Domain, x: Array, k: int) -> Array:
        return domain.scale(domain.power(x, k - 1), Fraction(k))

    def degree_at(self, **attrs: Any) -> Fraction:
        return Fraction(attrs["exponent"])

    def is_square(self, **attrs: Any) -> bool:
        return bool(attrs["exponent"] == 2)

    def terms(self, counts: Sequence[int], shapes: Sequence[Shape], **attrs: Any) -> int | None:
        return int(counts[0] ** attrs["exponent"])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return f"({inputs[0]})^{{{attrs['exponent']}}}"

    def samples(self) -> Iterator[Sample]:
        for k in (2, 3, 1, 0):
            yield Sample("pow.Tensor_Scalar", (Sample.Tensor((2, 3)), k))
        for h in (-1, -2, 0.5, -0.5, 1.5):
            yield Sample("pow.Tensor_Scalar", (Sample.Tensor((2, 3), 0.5, 2.0), h))
