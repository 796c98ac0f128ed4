"""Where leaves of an axis go when an op moves entries: what `NodeOp.moved` is told."""

from __future__ import annotations

from typing import Protocol

#: A leaf, a factor of an axis: (axis, factor), inside a direct sum (axis, factor, part, factor...).
Address = tuple[int, ...]


class Moves(Protocol):
    """One input of a line, and the line. All raise NoLemma where index spaces are mixed."""

    def reshaped(self, address: Address) -> Address:
        """Where a leaf is in another shape, entries in the same order."""

    def sliced(self, address: Address) -> Address | None:
        """Where a leaf is in a range of an axis; None where the range leaves it out."""

    def joined(self, address: Address) -> Address:
        """Where a leaf of an axis is that is now one summand of a direct sum."""
