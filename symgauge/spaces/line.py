"""A line of the calculus of intertwiners, and where leaves are in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from symgauge.program.array import Shape

#: (axis, factor), inside a direct sum (axis, factor, part, factor, ...).
Address = tuple[int, ...]
#: Where leaves of an input go; a dropped leaf is missing.
Moved = dict[Address, Address]


class NoLemma(Exception):
    """No intertwiner is stated for what an op is asked; the words say why."""


@dataclass(frozen=True)
class Line:
    """One line of the calculus: a law, its inputs and attributes."""

    node: int
    law: str
    op: str
    inputs: tuple[int, ...]
    attrs: Mapping[str, Any]
    shape: Shape
