"""Copies that a line picks: for each of its rows one, by rows of a single 1 and zeros.

W[e] times the rows of a one-hot line is W[e(r)]: what an index e numbered is numbered by the rows
r, as far as that line decides e. Two values that one line picked vary alike on one row.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgauge.program.moves import Address
from symgauge.spaces.facts import Pick

#: Beside each leaf that numbers copies: the line that picked them and its leaf that numbers its
#: rows; None where the leaf numbers them itself. () where none is picked.
Picks = tuple[tuple[int, Address] | None, ...]


def picked(
    copies: Sequence[Address], picks: Picks, axis: int, pick: Pick | None
) -> tuple[tuple[Address, ...], Picks] | None:
    """The copies behind a contraction of `axis` with a line, and how they are numbered.

    A leaf that is all of the axis becomes the rows of the line, where that picks one of its
    indices for each. None where copies are summed.
    """
    if not any(c[0] == axis for c in copies):
        return tuple(copies), picks
    if picks or pick is None:
        return None
    found: list[tuple[Address, tuple[int, Address] | None]] = []
    for c in copies:
        if c == (axis, 0):
            found += [(here, (pick.root, there)) for there, here in pick.rows.items()]
        elif c[0] == axis:
            return None
        else:
            found.append((c, None))
    return tuple(c for c, _ in found), tuple(by for _, by in found)
