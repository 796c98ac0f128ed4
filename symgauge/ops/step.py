"""1 where x > 0, else 0: the branch of a piecewise op."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgauge.network.domains.base import Domain
from symgauge.network.op import Array, Primitive, Shape


class Step(Primitive):
    """H(x), locally constant, H^2 = H. Its derivative is 0 off the boundary of the cells."""

    name = "step"
    law = "locally constant"
    branches = True

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        return shape

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.step(xs[0])

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
        return f"H({inputs[0]})"
