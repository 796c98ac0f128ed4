"""The blocks of an algebra: its direct summands along a diagonal, each with its simple part."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from symgauge.typesetting.drawing import Drawing

#: The side of the whole, in millimetres; summands beyond which it is not drawn.
SIDE, MOST = 30.0, 64
#: Between two labels, in millimetres; labels beyond which there is no room for them.
APART, LABELS = 3.2, 10
_NAME = re.compile(r"(gl|sl|aff|so|o|e|sp|su|u)\((\d+)(?:,(\d+))?(?:,([RCH]))?\)(?:\^(\d+))?")


class Summand(NamedTuple):
    """Equal direct summands: the name of one, how many, the dimension of one."""

    name: str
    copies: int
    dimension: int


def simple_part(name: str) -> int:
    """The dimension of the Levi part of an algebra that is called so.

    >>> simple_part("gl(2,R)"), simple_part("aff(3,R)"), simple_part("so(4)"), simple_part("R^4")
    (3, 8, 6, 0)
    >>> simple_part("gl(2,R)^2 |x (heis(9) + R^4)"), simple_part("aff(1,R)"), simple_part("gl(1,C)")
    (6, 0, 0)
    """
    total = 0
    for kind, first, second, field, power in _NAME.findall(name):
        n = int(first) + int(second or 0)
        over = {"C": 2, "H": 4}.get(field, 1)
        size = {
            "gl": over * n * n - (2 if field == "C" else 1),
            "aff": over * n * n - (2 if field == "C" else 1), "sl": over * n * n - (
                2 if field == "C" else 1),
            "sp": n * (n + 1) // 2 * (2 if field == "C" else 1),
            "su": n * n - 1, "u": n * n - 1,
        }.get(kind, n * (n - 1) // 2 * over if n > 2 else 0)
        total += size * int(power or 1)
    return total


def blocks(summands: Sequence[Summand], levi: int) -> Drawing | None:
    """A square for each direct summand, its side the dimension; the simple part of it is filled.

    What the simple part acts on stands in the same square. None where the names do not add up to
    `levi`, the dimension of the Levi part, or there are too many summands.
    """
    if sum(s.copies * simple_part(s.name) for s in summands) != levi or (
            not 0 < sum(s.copies for s in summands) <= MOST) or len(summands) > LABELS:
        return None
    total = sum(s.copies * s.dimension for s in summands)
    unit, at = SIDE / total, 0
    out = Drawing(SIDE + 28, SIDE + 4, "block structure of the algebra")
    middles = []
    for s in summands:
        middles.append(SIDE - (at + s.copies * s.dimension / 2) * unit)
        for _ in range(s.copies):
            side, simple = s.dimension * unit, simple_part(s.name) * unit
            x, top = at * unit, SIDE - at * unit
            out.frame(x, top - side, side, side)
            if simple:
                out.box(x, top - simple, simple, simple)
            at += s.dimension
    for number, (s, y) in enumerate(zip(summands, _spread(middles), strict=True), 1):
        copies = f", {s.copies} times" if s.copies > 1 else ""
        out.word(SIDE + 2, y, f"({number}) dim {s.dimension}{copies}")
    return out


def _spread(heights: Sequence[float]) -> list[float]:
    """The heights, falling, moved apart and kept above the lower edge."""
    out = list(heights)
    for k in range(1, len(out)):
        out[k] = min(out[k], out[k - 1] - APART)
    out[-1] = max(out[-1], 0.0)
    for k in reversed(range(len(out) - 1)):
        out[k] = max(out[k], out[k + 1] + APART)
    return out
