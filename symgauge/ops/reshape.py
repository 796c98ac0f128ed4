"""The same entries, row-major, in another shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from symgauge.errors import CaptureError
from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.moves import Address, Moves
from symgauge.program.op import Structural
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Reshape(Structural):
    """view, reshape, squeeze, unsqueeze: one axis may split into several, or several merge."""

    name = "reshape"
    law = "reshape"
    aten = (
        "view.default", "_unsafe_view.default", "reshape.default", "unsqueeze.default",
        "squeeze.dims", "squeeze.dim", "squeeze.default",
    )

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """By the kind of its second argument: a shape, an axis, a list of axes."""
        x = args[0]
        if overload.startswith("unsqueeze"):
            a = args[1] % (len(x.shape) + 1)
            return build.reshape(x, (*x.shape[:a], 1, *x.shape[a:]))
        if overload.startswith("squeeze"):
            dims = args[1] if len(args) > 1 else range(len(x.shape))
            dims = [dims] if isinstance(dims, int) else dims
            axes = {d % max(len(x.shape), 1) for d in dims}
            kept = tuple(n for a, n in enumerate(x.shape) if not (a in axes and n == 1))
            return build.reshape(x, kept)
        size = tuple(args[1])
        if -1 in size:
            known = -prod(size)
            size = tuple(prod(x.shape) // known if n == -1 else n for n in size)
        if not all(isinstance(n, int) for n in size):
            raise CaptureError("view: a size depends on data")
        return build.reshape(x, size)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        if prod(attrs["size"]) != prod(shapes[0]):
            raise ValueError(f"reshape: {shapes[0]} to {attrs['size']}")
        return tuple(attrs["size"])

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return xs[0].reshape(len(xs[0]), *attrs["size"])

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        return (ct.reshape(len(ct), *xs[0].shape[1:]),)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return legs.reshape(inputs[0], shape)

    def moved(self, moves: Moves, address: Address, **attrs: Any) -> Address | None:
        return moves.reshaped(address)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return inputs[0]

    def samples(self) -> Iterator[Sample]:
        yield Sample("view.default", (Sample.Tensor((2, 6)), [2, 3, 2]))
        yield Sample("view.default", (Sample.Tensor((2, 6)), [-1]))
        yield Sample("unsqueeze.default", (Sample.Tensor((2, 3)), -1))
        yield Sample("squeeze.dims", (Sample.Tensor((1, 2, 1)), [0, -1]))
        yield Sample("squeeze.dim", (Sample.Tensor((1, 2)), 0))
