"""Entries x[i, i + offset] of two axes, as a new last axis."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.ops.take import take
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Diagonal(Rewrite):
    """Entries x[i, i + offset] of two axes, as a new last axis."""

    name = "diagonal"
    aten = ("diagonal.default",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """The two axes are merged and the places of the diagonal taken."""
        given = dict(zip(("offset", "dim1", "dim2"), args[1:]), **kwargs)
        x, rank = args[0], len(args[0].shape)
        offset = given.get("offset", 0)
        a, b = given.get("dim1", 0) % rank, given.get("dim2", 1) % rank
        m, n = x.shape[a], x.shape[b]
        rest = tuple(d for d in range(rank) if d not in (a, b))
        moved = build.permute(x, (*rest, a, b))
        flat = build.reshape(moved, (*moved.shape[:-2], m * n))
        places = np.diagonal(np.arange(m * n).reshape(m, n), offset)
        return take(build, flat, rank - 2, places)

    def samples(self) -> Iterator[Sample]:
        yield Sample("diagonal.default", (Sample.Tensor((3, 3)),))
        yield Sample("diagonal.default", (Sample.Tensor((3, 2, 4)), 1, 0, -1))
