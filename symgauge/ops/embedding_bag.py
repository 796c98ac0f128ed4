"""Sums or means of rows of a table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from symgauge.errors import CaptureError
from symgauge.ops.take import whole
from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class EmbeddingBag(Rewrite):
    """Sums or means of the rows of a table that each bag names: a constant matrix."""

    name = "embedding_bag"
    aten = ("_embedding_bag.default", "_embedding_bag_forward_only.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The value first; the bookkeeping that follows it is read by no output."""
        names = ("scale_grad_by_freq", "mode", "sparse", "per_sample_weights",
                 "include_last_offset", "padding_idx")
        given = dict(zip(names, args[3:]), **kwargs)
        indices, offsets = whole(build, args[1]), whole(build, args[2])
        mode = given.get("mode", 0)
        plain = mode in (0, 1) and given.get("per_sample_weights") is None
        if not plain or isinstance(indices, Value) or isinstance(offsets, Value):
            raise CaptureError("an embedding bag has a rule for plain sums and means alone")
        ends = [*offsets, *([] if given.get("include_last_offset") else [len(indices)])]
        counts = np.zeros((len(ends) - 1, args[0].shape[0]))
        for bag, (start, stop) in enumerate(zip(ends, ends[1:])):
            for i in indices[start:stop]:
                counts[bag, i] += i != given.get("padding_idx", -1)
        if mode == 1:
            counts /= np.maximum(counts.sum(axis=1, keepdims=True), 1)
        return build.apply("matmul", build.floats(counts), args[0]), None, None, None

    def samples(self) -> Iterator[Sample]:
        table, rows = Sample.Tensor((4, 3)), Sample.Indices((3, 0, 3, 1))
        starts = Sample.Indices((0, 3))
        for mode in (0, 1):
            yield Sample("_embedding_bag.default", (table, rows, starts, False, mode))
