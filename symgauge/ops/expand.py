"""Repetition along unit axes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.op import Structural
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Expand(Structural):
    """Unit axes are repeated to `size`."""

    name = "expand"
    law = "repetition"
    aten = ("expand.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """-1 keeps a size; new axes come in front."""
        x, size = args[0], list(args[1])
        offset = len(size) - len(x.shape)
        full = tuple(x.shape[a - offset] if n == -1 else n for a, n in enumerate(size))
        return build.broadcast(x, full)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        size = tuple(attrs["size"])
        pairs = list(zip(shapes[0], size, strict=True))
        if not all(n in (1, m) for n, m in pairs):
            raise ValueError(f"expand: {shapes[0]} to {size}")
        return size

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return np.broadcast_to(xs[0], (len(xs[0]), *attrs["size"]))

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        shape = xs[0].shape[1:]
        axes = tuple(a + 1 for a, (n, m) in enumerate(zip(shape, attrs["size"])) if n != m)
        return (domain.sum(ct, axes).reshape(len(ct), *shape),)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return [
            axis if legs.size(axis) == n else legs.fresh(n)
            for axis, n in zip(inputs[0], shape, strict=True)
        ]

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return inputs[0]

    def samples(self) -> Iterator[Sample]:
        yield Sample("expand.default", (Sample.Tensor((2, 1)), [3, -1, 4]))
