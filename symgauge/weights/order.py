"""A permutation with signs as a factor of a group element, for arrays of numpy and of torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symgauge.checks.runtime.elements import Array, library


@dataclass(frozen=True)
class Order:
    """Index j takes what index order[j] held, times signs[j]; orthogonal, so its own g^-T."""

    order: Array
    signs: Array

    def act(self, form: str, rows: Array) -> None:
        """g or g^-T on every row, in place."""
        xp: Any = library(rows)
        # beside other elements it is held in float64
        rows[...] = rows[..., xp.asarray(self.order, dtype=xp.int64)] * self.signs

    def inverse(self) -> Order:
        """The order that undoes it."""
        xp: Any = library(self.order)
        back = xp.argsort(self.order)
        return Order(back, self.signs[back])
