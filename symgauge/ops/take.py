"""Entries at given places of one axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import prod
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from symgauge.ops.one_hot import one_hot
from symgauge.program.array import Array, Shape
from symgauge.program.constant import Constant
from symgauge.program.domain import Domain
from symgauge.program.legs import Axis, Legs
from symgauge.program.moves import Address, Moves
from symgauge.program.op import Structural
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer, Written

#: Constant places on an axis.
Places: TypeAlias = npt.NDArray[Any]


class Take(Structural):
    """The axis is replaced by the axes of `index`, a nested tuple of places on it."""

    name = "take"
    law = "selection"
    aten = ("index_select.default", "embedding.default", "flip.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """index_select, embedding (the rows of a table), flip."""
        if overload == "embedding.default":
            return take(build, args[0], 0, whole(build, args[1]))
        if overload == "index_select.default":
            return take(build, args[0], args[1] % len(args[0].shape), whole(build, args[2]))
        x = args[0]
        for d in args[1]:
            n = x.shape[d]
            x = take(build, x, d % len(x.shape), np.arange(n)[::-1])
        return x

    def shape(self, *shapes: Shape, **attrs: Any) -> Shape:
        (shape,) = shapes
        axis, index = attrs["axis"], np.array(attrs["index"])
        if not (0 <= axis < len(shape) and index.ndim and index.size and index.dtype.kind == "i"
                and 0 <= index.min() and index.max() < shape[axis]):
            raise ValueError(f"take: axis {axis} of {shape}")
        return (*shape[:axis], *index.shape, *shape[axis + 1:])

    def apply(self, domain: Domain, *xs: Array, **attrs: Any) -> Array:
        out: Array = np.take(xs[0], np.array(attrs["index"]), axis=attrs["axis"] + 1)
        return out

    def cotangent(
        self, domain: Domain, xs: Sequence[Array], y: Array, ct: Array, **attrs: Any
    ) -> tuple[Array | None, ...]:
        index, axis = np.array(attrs["index"]), attrs["axis"] + 1
        flat = index.ravel()
        rows = ct.reshape(*ct.shape[:axis], flat.size, *ct.shape[axis + index.ndim:])
        full = domain.zeros((len(ct), *xs[0].shape[1:]))
        # places taken several times are added in turns: each place once a turn
        order = np.argsort(flat, kind="stable")
        ranked = flat[order]
        turn = np.empty(flat.size, dtype=np.int64)
        turn[order] = np.arange(flat.size) - np.searchsorted(ranked, ranked)
        for k in range(int(turn.max()) + 1):
            now = np.flatnonzero(turn == k)
            where = (slice(None),) * axis + (flat[now],)
            full[where] = domain.add(full[where], np.take(rows, now, axis=axis))
        return (full,)

    def legs(self, legs: Legs, inputs: list[list[Axis]], shape: Shape, **attrs: Any) -> list[Axis]:
        axis, rank = attrs["axis"], np.ndim(attrs["index"])
        fresh = [legs.fresh(n) for n in shape[axis:axis + rank]]
        return [*inputs[0][:axis], *fresh, *inputs[0][axis + 1:]]

    def moved(self, moves: Moves, address: Address, **attrs: Any) -> Address | None:
        axis, rank = attrs["axis"], np.ndim(attrs["index"])
        if address[0] == axis:
            return None
        return address[0] + (rank - 1 if address[0] > axis else 0), *address[1:]

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"{inputs[0]}[\,\cdot\,]"

    def samples(self) -> Iterator[Sample]:
        places = Sample.Indices((2, 0, 2))
        yield Sample("index_select.default", (Sample.Tensor((2, 3)), 1, places))
        yield Sample("embedding.default", (Sample.Tensor((4, 3)), Sample.Indices(((3, 0), (3, 1)))))
        yield Sample("flip.default", (Sample.Tensor((2, 3)), [0, -1]))


def whole(build: Writer, x: Value) -> Places | Value:
    """A constant as an array of integers; a value that a branch decided as it is."""
    leaf = build.node(x).leaf
    return np.rint(leaf.floats()).astype(np.int64) if isinstance(leaf, Constant) else x


def wrapped(build: Writer, index: Places | Value, count: int) -> Places | Value:
    """Places from 0 on: a negative one that a branch decided counts from the end."""
    if not isinstance(index, Value) or _is_position(build, index):
        return index
    below = build.apply("step", build.add(build.scale(index, -1), -Fraction(1, 2)))
    return build.add(index, build.scale(below, count))


def beneath(build: Writer, x: Value) -> Written:
    """The line whose entries a value has, perhaps moved."""
    node = build.node(x)
    while isinstance(node.op, Structural) and len(node.inputs) == 1:
        node = build.node(build.value(node.inputs[0]))
    return node


def _is_position(build: Writer, x: Value) -> bool:
    """Whether a value is places of one-hot rows, its entries perhaps moved."""
    node = beneath(build, x)
    return node.op is not None and node.op.name == "position" and min(node.attrs["table"]) >= 0


def take(build: Writer, x: Value, axis: int, index: Places | Value) -> Value:
    """Entries at places of an axis, constant or decided by a branch."""
    count = x.shape[axis]
    if isinstance(index, Value):
        return _selected(build, x, axis, index)
    index = index % count
    flat = index.ravel()
    if index.ndim and len(flat) == max(index.shape) and np.array_equal(
        flat, np.arange(flat[0], flat[0] + len(flat))
    ):
        # rows in a row are a slice, and the positions' leg stays what it is
        rows = build.slice(x, axis, int(flat[0]), int(flat[0]) + len(flat))
        return build.reshape(rows, (*x.shape[:axis], *index.shape, *x.shape[axis + 1:]))
    if index.ndim == 0:
        one = build.slice(x, axis, int(index), int(index) + 1)
        return build.reshape(one, (*x.shape[:axis], *x.shape[axis + 1:]))
    return build.apply("take", x, axis=axis, index=_nested(index.tolist()))


def _nested(index: Any) -> Any:
    return tuple(_nested(i) for i in index) if isinstance(index, list) else index


def _selected(build: Writer, x: Value, axis: int, index: Value) -> Value:
    rows = one_hot(build, index, x.shape[axis])
    flat = build.reshape(rows, (prod(index.shape), x.shape[axis]))
    rest = (*x.shape[:axis], *x.shape[axis + 1:])
    order = (axis, *(a for a in range(len(x.shape)) if a != axis))
    columns = build.reshape(build.permute(x, order), (x.shape[axis], prod(rest)))
    found = build.reshape(build.apply("matmul", flat, columns), (*index.shape, *rest))
    before = tuple(range(len(index.shape), len(index.shape) + axis))
    middle = tuple(range(len(index.shape)))
    after = tuple(range(len(index.shape) + axis, len(found.shape)))
    return build.permute(found, (*before, *middle, *after))
