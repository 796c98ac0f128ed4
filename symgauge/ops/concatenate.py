"""Tensors end to end along one axis."""

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


class Concatenate(Structural):
    """cat: a direct sum along `axis`."""

    name = "concatenate"
    law = "join"
    aten = ("cat.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """A list of tensors and an axis; those without an entry are left out."""
        xs, axis = (*args, 0)[:2]
        axis = kwargs.get("dim", axis) % len(xs[0].shape)
        xs = [x for x in xs if x.shape[axis]] or xs[:1]
        return xs[0] if len(xs) == 1 else build.apply("concatenate", *xs, axis=axis)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        axis = attrs["axis"]
        rests = {(*s[:axis], *s[axis + 1:]) for s in shapes}
        if len(rests) != 1 or not 0 <= axis < len(shapes[0]):
            raise ValueError(f"concatenate: shapes {shapes} along {axis}")
        total = sum(s[axis] for s in shapes)
        return (*shapes[0][:axis], total, *shapes[0][axis + 1:])

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        batch = max(len(x) for x in xs)
        full = [np.broadcast_to(x, (batch, *x.shape[1:])) for x in xs]
        return np.concatenate(full, axis=attrs["axis"] + 1)

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        axis = attrs["axis"] + 1
        cuts = np.cumsum([x.shape[axis] for x in xs])[:-1]
        return tuple(np.split(ct, cuts, axis=axis))

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        axis = attrs["axis"]
        return legs.concatenate(inputs, axis)

    def moved(self, moves: Moves, address: Address, **attrs: Any) -> Address | None:
        return moves.joined(address) if address[0] == attrs["axis"] else address

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return "[" + ", ".join(inputs) + "]"

    def samples(self) -> Iterator[Sample]:
        yield Sample("cat.default", ([Sample.Tensor((2, 3)), Sample.Tensor((2, 1))], 1))
        yield Sample("cat.default", ([Sample.Tensor((2, 3)), Sample.Tensor((1, 3))],))
