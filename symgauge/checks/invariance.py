"""f(x; g.theta) = f(x; theta) for random finite group elements: all at once, then each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgauge.checks.runtime.bench import Bench, Row


def check_invariance(bench: Bench) -> Iterator[Row]:
    """One pass for all families together, one for each class of families."""
    if len(bench.classes) > 1:
        yield bench.difference("invariance", "all symmetries at once", bench.families)
    for label, families in bench.classes.items():
        yield bench.difference("invariance", label, families)
