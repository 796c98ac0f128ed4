"""x + y."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Add(Primitive):
    """x + y. Both inputs must move alike; shifts add."""

    name = "add"
    law = "sum of lines"
    linear = True
    aten = ("add.Tensor", "add.Scalar")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """alpha multiplies the second input."""
        a, b = (build.number(x) for x in args[:2])
        alpha = args[2] if len(args) > 2 else kwargs.get("alpha", 1)
        return build.add(a, build.scale(b, build.fraction(alpha)))

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        a, b = shapes
        if a != b:
            raise ValueError(f"add: shapes {a} and {b}")
        return a

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.add(xs[0], xs[1])

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        a, b = dxs
        if a is None or b is None:
            moved = b if a is None else a
            assert moved is not None
            return moved
        return domain.add(a, b)

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return ct, ct

    def minus_infinity(self, masks: Sequence[Array | None], **attrs: Any) -> Array | None:
        a, b = masks
        assert a is not None and b is not None
        return a | b

    def terms(self, counts: Sequence[int], shapes: Sequence[Shape], **attrs: Any) -> int | None:
        return sum(counts)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return " + ".join(inputs)

    def samples(self) -> Iterator[Sample]:
        yield Sample("add.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((3,))))
        yield Sample("add.Tensor", (Sample.Tensor((2, 3)), Sample.Tensor((2, 1))), {"alpha": 2})
        yield Sample("add.Tensor", (Sample.Tensor((2, 3)), 0.25))

    def non_symmetries(self) -> Iterator[str]:
        yield "scaling one input alone"
