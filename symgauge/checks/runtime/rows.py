"""A line of the table: what was measured, and whether that is what it should be."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

import torch

from symgauge.checks.runtime.subject import Examined

SYMMETRY_FLOORS = 10.0  # a symmetry stays within this many floors
PLANTED_FLOORS = {torch.float64: 1000.0, torch.float32: 100.0}  # a planted failure exceeds it

Families = list[Examined]


@dataclass(frozen=True)
class Row:
    """One line of the table; `ok` is None where the number is only reported."""

    check: str
    label: str
    families: int
    wrong: bool
    residual: float | None
    floors: float | None
    limit: float | None
    moved: float | None
    passes: int
    seconds: float
    time: float
    ok: bool | None
    action_seconds: float | None = None
    action_bytes: int | None = None
    note: str = ""
    draw: int = 0  # of parameters, inputs and elements
    changed: float | None = None  # the part of the output's entries that changed in any bit
    untested: str = ""  # why the row could not have failed


class Change(NamedTuple):
    """max |y' - y| / max |y| of one output, in floors of its own, and the part that changed."""

    size: float
    floors: float
    changed: float = 1.0


class Measured(NamedTuple):
    """What was seen: a change (None: nothing, and why), the least relative change among moves."""

    change: Change | None
    moved: float | None
    passes: int
    seconds: float
    untested: str = ""


def readable(text: str) -> str:
    """Names are data: one line of printable ASCII, whatever they contain."""
    return text.encode("unicode_escape").decode("ascii")


def label_of(families: Families) -> str:
    """The label of a family, or what those of a class have in common and their number."""
    if len(families) == 1:
        return str(families[0]["label"])
    return f"{families[0]['class']} ({len(families)} families)"


def largest(ratios: Iterable[float]) -> float:
    """The largest, nan if one is."""
    numbers = list(ratios)
    return math.nan if any(map(math.isnan, numbers)) else max(numbers, default=0.0)
