"""f(x; h.theta) != f(x; theta) for wrong symmetries: a check that cannot fail proves nothing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgauge.checks.runtime.rows import Row
    from symgauge.checks.runtime.judge import Judge


def check_planted(judge: Judge) -> Iterator[Row]:
    """One pass for each planted failure; its residual must exceed the floor by far."""
    for family in judge.bench.planted:
        yield judge.planted(family)
