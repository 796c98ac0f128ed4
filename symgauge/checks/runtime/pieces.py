"""Tensors by pieces, and views of them, of numpy and of torch alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from symgauge.checks.runtime.elements import Array, library

# entries of a tensor taken at once: what the caches of a processor hold, what fills a GPU
PIECE = {"cpu": 2**18, "cuda": 2**24}

Cut = tuple[int, int, int]  # axis, start, length


def cuts(array: Array, whole: Sequence[int] = ()) -> Iterator[Cut | None]:
    """The pieces of a tensor, along the first axis that makes them small and is none of `whole`."""
    most = PIECE.get(str(array.device).partition(":")[0], PIECE["cpu"])
    total = math.prod(array.shape)
    free = [k for k in range(array.ndim) if k not in whole]
    if total <= most or not free:
        yield None
        return
    fine = [k for k in free if total // array.shape[k] <= most]
    axis = fine[0] if fine else max(free, key=lambda k: int(array.shape[k]))
    extent = array.shape[axis]
    step = max(1, most * extent // total)
    for start in range(0, extent, step):
        yield axis, start, min(step, extent - start)


def narrowed(array: Array, axis: int, start: int, length: int) -> Array:
    """The view of a range of an axis."""
    return array[(slice(None),) * axis + (slice(start, start + length),)]


def piece(array: Array, cut: Cut | None) -> Array:
    """The view of one piece; what broadcasts along the axis of the cut is kept whole."""
    if cut is None or array.ndim <= cut[0] or array.shape[cut[0]] == 1:
        return array
    return narrowed(array, *cut)


def reordered(array: Array, order: Sequence[int]) -> Array:
    """The view with its axes in this order."""
    return array.permute(*order) if hasattr(array, "permute") else array.transpose(*order)


def wide(array: Array, copy: bool | None = None) -> Array:
    """In float64."""
    xp = library(array)
    return xp.asarray(array, dtype=xp.float64, copy=copy)
