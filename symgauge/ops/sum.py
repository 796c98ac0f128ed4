"""Sums over axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

import numpy as np

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.moves import Address, Moves
from symgauge.program.op import Primitive
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Sum(Primitive):
    """The sum over `axes`, which are dropped."""

    name = "sum"
    law = "sum"
    linear = True
    aten = ("sum.dim_IntList", "sum.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """No axes means all; keepdim leaves unit axes."""
        x, dims, keep = (*args, None, False)[:3] if len(args) < 3 else args[:3]
        keepdim = bool(kwargs.get("keepdim", keep))
        product = _matrix_vector(build, x, dims)
        if product is None:
            return build.sum(x, dims, keepdim)
        return build.reshape(product, (*product.shape, 1)) if keepdim else product

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        axes = attrs["axes"]
        if not all(0 <= a < len(shapes[0]) for a in axes) or len(set(axes)) != len(axes):
            raise ValueError(f"sum: axes {axes} of shape {shapes[0]}")
        return tuple(n for a, n in enumerate(shapes[0]) if a not in axes)

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return domain.sum(xs[0], tuple(a + 1 for a in attrs["axes"]))

    def tangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        assert dxs[0] is not None
        return self.apply(domain, dxs[0], **attrs)

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        axes = tuple(a + 1 for a in attrs["axes"])
        full = (len(ct), *xs[0].shape[1:])
        return (np.broadcast_to(np.expand_dims(ct, axes), full),)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return [axis for a, axis in enumerate(inputs[0]) if a not in attrs["axes"]]

    def moved(self, moves: Moves, address: Address, **attrs: Any) -> Address | None:
        if address[0] in attrs["axes"]:
            return None
        return address[0] - sum(a < address[0] for a in attrs["axes"]), *address[1:]

    def terms(self, counts: Sequence[int], shapes: Sequence[Shape], **attrs: Any) -> int | None:
        return int(counts[0] * prod(shapes[0][a] for a in attrs["axes"]))

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\textstyle\sum {inputs[0]}"

    def samples(self) -> Iterator[Sample]:
        yield Sample("sum.dim_IntList", (Sample.Tensor((2, 3, 4)), [1]))
        yield Sample("sum.dim_IntList", (Sample.Tensor((2, 3, 4)), [-1, 0], True))
        yield Sample("sum.default", (Sample.Tensor((2, 3)),))


def _matrix_vector(build: Writer, x: Value, dims: Any) -> Value | None:
    """The product of a matrix and a vector, which arrives as a product summed over columns."""
    node = build.node(x)
    if node.op is None or node.op.name != "mul" or len(x.shape) != 2 or list(dims or ()) != [1]:
        return None
    for a, b in (node.inputs, node.inputs[::-1]):
        repeated = build.node(build.value(b))
        if repeated.op is not None and repeated.op.name == "expand":
            row = build.value(repeated.inputs[0])
            if row.shape == (1, x.shape[1]) and x.shape[0] > 1:
                column = build.permute(row, (1, 0))
                return build.reshape(build.apply("matmul", build.value(a), column), x.shape[:1])
    return None
