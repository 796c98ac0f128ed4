"""Which entry is the largest, the second largest, ...: one-hot rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.op import Primitive


class Ranking(Primitive):
    """P with P[..., j, i] = 1 where x[..., i] is the j-th largest entry, j < count; else 0.

    Locally constant: P x are the `count` largest entries in falling order.
    """

    name = "ranking"
    law = "order"
    branches = True
    picks = True
    closed = True

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        *lead, n = shape
        if not 0 < attrs["count"] <= n:
            raise ValueError(f"ranking: the {attrs['count']} largest of {n}")
        return (*lead, attrs["count"], n)

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.ranking(xs[0], attrs["count"])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        return domain.zeros(y.shape)

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (None,)

    def symbols(self, domain: Domain, y: Array, *xs: Array, **attrs: Any) -> Array:
        """Rows sum to 1: ranks of an argument that is a symbol of its own."""
        return domain.ranking(y[..., 0, :], attrs["count"])

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return [*inputs[0][:-1], legs.fresh(attrs["count"]), inputs[0][-1]]

    def unit_axis(self, rank: int, **attrs: Any) -> int | None:
        return rank - 1

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\operatorname{{rank}}_{{{attrs['count']}}}({inputs[0]})"

    def non_symmetries(self) -> Iterator[str]:
        yield "a scaling of single entries, which changes their order"
