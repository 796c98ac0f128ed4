"""A range of indices along one axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.moves import Address, Moves
from symgauge.program.op import Structural
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Slice(Structural):
    """Indices start, start + step, ... below stop of one axis: a summand of a direct sum."""

    name = "slice"
    law = "part"
    aten = ("slice.Tensor",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Negative and missing bounds as in Python."""
        x, axis, start, stop, step = (*args, *(None,) * 5)[:5]
        axis = (axis or 0) % len(x.shape)
        start, stop, step = slice(start, stop, step or 1).indices(x.shape[axis])
        return build.slice(x, axis, start, stop, step)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        axis, start, stop, step = (attrs[k] for k in ("axis", "start", "stop", "step"))
        if not (0 <= axis < len(shapes[0]) and 0 <= start and stop <= shapes[0][axis] and step > 0):
            raise ValueError(f"slice: {attrs} of {shapes[0]}")
        n = len(range(start, stop, step))
        return (*shapes[0][:axis], n, *shapes[0][axis + 1:])

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        return xs[0][self._index(**attrs)]

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        full = domain.zeros((len(ct), *xs[0].shape[1:]))
        full[self._index(**attrs)] = ct
        return (full,)

    @staticmethod
    def _index(axis: int, start: int, stop: int, step: int) -> tuple[slice, ...]:
        return (slice(None),) * (axis + 1) + (slice(start, stop, step),)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        axes = list(inputs[0])
        a = attrs["axis"]
        if attrs["step"] == 1:
            axes[a] = legs.slice(axes[a], attrs["start"], attrs["stop"])
        else:
            whole = shape[a] * attrs["step"] == legs.size(axes[a])
            strided = legs.stride(axes[a], attrs["step"]) if whole else None
            axes[a] = legs.fresh(shape[a]) if strided is None else strided
        return axes

    def moved(self, moves: Moves, address: Address, **attrs: Any) -> Address | None:
        return moves.sliced(address)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return f"{inputs[0]}[{attrs['start']}{{:}}{attrs['stop']}]"

    def samples(self) -> Iterator[Sample]:
        yield Sample("slice.Tensor", (Sample.Tensor((4, 3)), 0, 1, 3))
        yield Sample("slice.Tensor", (Sample.Tensor((4, 5)), 1, -4, 9223372036854775807, 2))
