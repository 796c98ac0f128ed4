"""f(x; g.theta) = f(x; theta) for random finite group elements: all at once, then each class."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from symgauge.checks.runtime.rows import Row
    from symgauge.checks.runtime.judge import Judge


def check_invariance(judge: Judge) -> Iterator[Row]:
    """One pass for all families together, one for each class of families."""
    if len(judge.bench.classes) > 1:
        yield judge.all_at_once()
    for label, families in judge.bench.classes.items():
        yield judge.symmetry(label, families)
    yield from judge.larger_inputs()
