"""J X = 0 for a random generator X of each class, by a Jacobian-vector product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgauge.checks.runtime.bench import Bench, Row


def check_tangent(bench: Bench) -> Iterator[Row]:
    """One product for each class, and one for a wrong generator, which must not vanish."""
    for label, families in bench.classes.items():
        yield bench.derivative("tangent", "J X, " + label, families)
    for family in bench.wrong_generators():
        yield bench.derivative("tangent", "wrong J X, " + family["label"], [family], wrong=True)
