"""Tables that are tied to what reads a norm whose gain stays: shifts over the gain.

y = T n, where n sums to 0. A reader of y, y W^T, is left as it is by W + c / T, one number c for
all rows; what else reads W, a table of tokens, is shifted by c / T at every row, and another table
that is added to it takes the same off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from symgauge.derivers.element import Structural
from symgauge.derivers.stage import Stage
from symgauge.laws.facts import facts_of
from symgauge.spaces.line import NoLemma


def shifts_over_gains(stage: Stage) -> Iterator[Structural]:
    """The shifts by c / T of parameters that read T n, those with which others move."""
    facts, tried = facts_of(stage.structure), set[tuple[int, int]]()
    for line in stage.structure.lines.values():
        for k in (0, 1) if line.law == "contraction" else ():
            view = facts.views.get(line.inputs[k])
            over = facts.over.get(line.inputs[1 - k], {}).get(len(line.shape) - 2 + k)
            if view is None or over is None or (view.parameter, over) in tried:
                continue
            tried.add((view.parameter, over))
            with contextlib.suppress(NoLemma):
                found = stage.shift(view.parameter, (), over=over)
                # a reader alone has one for each of its rows (`behind_norms`)
                if len(found.family.moves) > 1:
                    yield found
