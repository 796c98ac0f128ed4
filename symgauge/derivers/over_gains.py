"""Tables that are tied to what reads a norm whose gain stays: shifts over the gain.

y = T n, where n sums to 0. A reader of y, y W^T, is left as it is by W + c / T, one number c for
all rows; what else reads W, a table of tokens, is shifted by c / T at every row, and another table
that is added to it takes the same off.

y = T n + b, which a skip takes too. A reader without a bias is moved by c / T for each of its rows;
what it reads moves by c times the sum of b / T, and a bias behind it takes that off.
"""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator

from symgauge.derivers.element import Structural
from symgauge.derivers.stage import Stage
from symgauge.families.family import Place
from symgauge.laws.facts import facts_of
from symgauge.spaces.line import NoLemma


def shifts_over_gains(stage: Stage) -> Iterator[Structural]:
    """The shifts by c / T of parameters that read T n, those with which others move."""
    for parameter, over in _readings(stage, with_sums=False):
        with contextlib.suppress(NoLemma):
            found = stage.shift(parameter, (), over=over)
            # a reader alone has one for each of its rows (`behind_norms`)
            if len(found.family.moves) > 1:
                yield found


def rows_over_gains(
    stage: Stage, known: Container[tuple[str, Place | None]]
) -> Iterator[Structural]:
    """Shifts by c / T for each row of what reads T n + b, alone or with biases behind it.

    `known`: where shifts are known already; a reader that is shifted so is left out.
    """
    for parameter, over in _readings(stage, with_sums=True):
        for found in stage.shifts_of(parameter, over):
            first = found.family.moves[0]
            if first.at is not None and (first.parameter, first.at) not in known:
                yield found


def _readings(stage: Stage, with_sums: bool) -> Iterator[tuple[int, int]]:
    """What reads T n, or also T n + b, with the gain T."""
    facts, tried = facts_of(stage.structure), set[tuple[int, int]]()
    for line in stage.structure.lines.values():
        for k in (0, 1) if line.law == "contraction" else ():
            axis, other = len(line.shape) - 2 + k, line.inputs[1 - k]
            view = facts.views.get(line.inputs[k])
            over = facts.over.get(other, {}).get(axis)
            if over is None and with_sums and axis in facts.sums.get(other, {}):
                over = facts.sums[other][axis].over
            if view is not None and over is not None and (view.parameter, over) not in tried:
                tried.add((view.parameter, over))
                yield view.parameter, over
