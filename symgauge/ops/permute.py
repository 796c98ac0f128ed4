"""Axes in another order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.moves import Address, Moves
from symgauge.program.op import Structural
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Permute(Structural):
    """Axis i of the value is axis dims[i] of the input."""

    name = "permute"
    law = "permutation"
    aten = ("permute.default", "t.default", "transpose.int")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """permute, and the two transposes."""
        x, rank = args[0], len(args[0].shape)
        order = list(range(rank))
        if overload == "permute.default":
            order = [d % rank for d in args[1]]
        elif rank > 1:
            a, b = (0, 1) if overload == "t.default" else (d % rank for d in args[1:])
            order[a], order[b] = order[b], order[a]
        return build.permute(x, tuple(order))

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        if sorted(attrs["dims"]) != list(range(len(shapes[0]))):
            raise ValueError(f"permute: {attrs['dims']} of {shapes[0]}")
        return tuple(shapes[0][d] for d in attrs["dims"])

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return xs[0].transpose(0, *(d + 1 for d in attrs["dims"]))

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        back = np.argsort(attrs["dims"])
        return (ct.transpose(0, *(int(d) + 1 for d in back)),)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        return [inputs[0][d] for d in attrs["dims"]]

    def moved(self, moves: Moves, address: Address, **attrs: Any) -> Address | None:
        return list(attrs["dims"]).index(address[0]), *address[1:]

    def latex(self, *inputs: str, **attrs: Any) -> str:
        transposes_last = attrs["dims"][-2:] == (len(attrs["dims"]) - 1, len(attrs["dims"]) - 2)
        return f"{inputs[0]}^\\top" if transposes_last else inputs[0]

    def samples(self) -> Iterator[Sample]:
        yield Sample("permute.default", (Sample.Tensor((2, 3, 4)), [2, 0, 1]))
        yield Sample("t.default", (Sample.Tensor((2, 3)),))
        yield Sample("transpose.int", (Sample.Tensor((2, 3, 4)), -1, 0))
