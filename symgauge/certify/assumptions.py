"""What a rank rests on beside the program."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Assumptions:
    """What the residues assume: statements shown, and hypotheses that are not."""

    shown: tuple[str, ...]
    hypotheses: tuple[str, ...]
