"""A part of a tensor: a range of one of its axes."""

from __future__ import annotations

from collections.abc import Sequence

#: (axis, start, stop), or () for all of a tensor.
Part = tuple[int, ...]


def shape_of(shape: Sequence[int], part: Sequence[int] | None) -> tuple[int, ...]:
    """The shape of a part of a tensor."""
    if not part:
        return tuple(shape)
    axis, start, stop = part
    return (*shape[:axis], stop - start, *shape[axis + 1:])


def parts_meet(a: Sequence[int] | None, b: Sequence[int] | None) -> bool:
    """Whether two parts of one tensor may have an entry in common."""
    return not a or not b or a[0] != b[0] or max(a[1], b[1]) < min(a[2], b[2])
