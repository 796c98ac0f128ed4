"""J X = 0 for a random generator X of each class, by a Jacobian-vector product."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgauge.checks.runtime.rows import Row
    from symgauge.checks.runtime.judge import Judge


def check_tangent(judge: Judge) -> Iterator[Row]:
    """One product for each class, and one for a wrong generator, which must not vanish."""
    for label, families in judge.bench.classes.items():
        yield judge.product(label, families)
    yield from judge.wrong_products()
