"""exp(x) over its sum along an axis: a shift along the axis leaves it unchanged."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from symgauge.program.array import Array, Shape
from symgauge.program.domain import Domain
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Softmax(Composite):
    """exp(x) / sum exp(x) along `axis`; a second input of zeros and ones leaves entries out.

    The maximum that an implementation subtracts for stability is not part of it.
    """

    name = "softmax"
    converse = "weights"
    law = "normaliser"
    exponentiates = True
    aten = ("_softmax.default", "softmax.int")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """Entries at minus infinity are left out."""
        x, axis = args[0], args[1] % len(args[0].shape)
        mask = x.minus_infinity
        plain = Value(x.index, x.shape)
        if x.kept is not None:
            weights = build.mul(build.apply("exp", plain), build.value(x.kept))
            return build.mul(weights, build.reciprocal(build.sum(weights, axis, True)))
        if mask is None:
            return build.apply("softmax", plain, axis=axis)
        return build.apply("softmax", plain, build.floats(~mask), axis=axis)

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        if len(shapes) > 2 or shapes[-1] != shapes[0] or not 0 <= attrs["axis"] < len(shapes[0]):
            raise ValueError(f"softmax: shapes {shapes} along {attrs['axis']}")
        return shapes[0]

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        weights = build.apply("exp", xs[0])
        axis = attrs["axis"]
        total = None
        if len(xs) > 1:
            weights = build.mul(weights, xs[1])
            keep = build.node(xs[1]).leaf.floats()  # type: ignore[union-attr]
            dead = ~np.any(keep != 0.0, axis=axis, keepdims=True)
            if dead.any():
                # a row that is left out entirely has value 0, not 0/0
                total = build.add(build.sum(weights, axis, True), build.floats(dead))
        if total is None:
            total = build.sum(weights, axis, True)
        return build.mul(weights, build.broadcast(build.reciprocal(total), xs[0].shape))

    closed = True

    def symbols(self, domain: Domain, y: Array, *xs: Array, **attrs: Any) -> Array:
        """Rows sum to 1: the last entry that is kept is 1 minus the others."""
        axis = attrs["axis"] + 1
        keep = xs[1] if len(xs) > 1 else None
        rows = np.moveaxis(y, axis, -1).copy()
        if keep is not None:
            rows = domain.mul(rows, np.moveaxis(np.broadcast_to(keep, y.shape), axis, -1))
        flat = rows.reshape(-1, rows.shape[-1])
        for row in flat:
            kept = [j for j in range(len(row)) if row[j]]
            if kept:
                rest = row[kept[:-1]].reshape(1, -1)
                total = domain.sum(rest, (1,)) if len(kept) > 1 else domain.zeros((1,))
                row[kept[-1]] = domain.add(domain.one(1), domain.scale(total, Fraction(-1)))[0]
        return np.moveaxis(flat.reshape(rows.shape), -1, axis)

    def variation(
        self, domain: Domain, xs: Sequence[Array], y: Array, dxs: Sequence[Array | None],
        **attrs: Any,
    ) -> Array:
        """y (dx - sum y dx): a dx that is constant along the axis is killed."""
        axis = attrs["axis"] + 1
        dx = dxs[0]
        assert dx is not None
        first = np.take(dx, [0], axis=axis)
        moved = domain.add(dx, domain.scale(np.broadcast_to(first, dx.shape), Fraction(-1)))
        mean = np.expand_dims(domain.sum(domain.mul(y, moved), (axis,)), axis)
        centred = domain.add(moved, domain.scale(np.broadcast_to(mean, dx.shape), Fraction(-1)))
        return domain.mul(y, centred)

    def unit_axis(self, rank: int, **attrs: Any) -> int | None:
        """Where no mask leaves out all of a row."""
        return int(attrs["axis"])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\operatorname{{softmax}}({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("_softmax.default", (Sample.Tensor((2, 3)), -1, False))
        yield Sample("_softmax.default", (Sample.Tensor((2, 3)), 0, False))

    def non_symmetries(self) -> Iterator[str]:
        yield "a shift that varies along the axis"
