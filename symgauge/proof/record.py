"""A proof: its verdict, its method and its table."""

from __future__ import annotations

from dataclasses import dataclass

from symgauge.verdict import Verdict

METHOD = "polynomial identity over QQ, line by line"


@dataclass(frozen=True)
class Line:
    """One line of a proof table."""

    node: int
    op: str
    variation: str


@dataclass(frozen=True)
class Proof:
    """Verdict on X f = 0, its method, and the table. UNKNOWN carries the residual."""

    verdict: Verdict
    method: str
    lines: tuple[Line, ...]
    residual: str = ""
