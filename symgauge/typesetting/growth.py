"""How rank J grows with fresh inputs, and where it must stop."""

from __future__ import annotations

from collections.abc import Sequence

from symgauge.typesetting.drawing import Drawing

#: The side of the longer axis, in millimetres.
SIDE = 30.0


def growth(
    pivots: Sequence[int], rows: int, parameters: int, orbit: int, by_minors: int = 0
) -> Drawing:
    """Rank J after each row: `pivots` are the rows that raised it. Dashed: P, and P less what is
    explained, rank G (`orbit`) and the fields by minors.

    One row has one fresh input; both axes have one scale.
    """
    unit = SIDE / max(rows, parameters)
    cut, less = parameters - orbit - by_minors, f" - {by_minors}$ by minors $" * bool(by_minors)
    left, floor = 12.0, 5.0
    width, height = rows * unit, parameters * unit
    room = 50 if by_minors else 29
    out = Drawing(left + width + room, floor + height + 3, "rank J against the number of rows")
    out.line(left, floor, width + 2, 0)
    out.line(left, floor, 0, height + 2)
    out.line(left, floor + height, width, 0, True)
    out.line(left, floor + cut * unit, width, 0, True)
    rank, at = 0, 0
    raised = set(pivots)
    while at < rows:
        length, up = 1, at in raised
        while at + length < rows and (at + length in raised) == up:
            length += 1
        out.line(left + at * unit, floor + rank * unit, length * unit, length * unit if up else 0)
        rank, at = rank + (length if up else 0), at + length
    right = left + width + 1.5
    out.word(right, floor + height, f"$P = {parameters}$")
    apart = max(floor + cut * unit, floor + 2)
    out.word(right, min(apart, floor + height - 3.5), f"$P - $rank $G{less} = {cut}$")
    out.word(left - 1.5, floor + height / 2, "rank $J$" if height > 14 else "", "r")
    out.word(left + width / 2, 2, f"rows, each at a fresh input ({rows})", "c")
    return out
