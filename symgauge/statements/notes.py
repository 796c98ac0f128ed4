"""Notes of a derivation that are made, and recognised, in more than one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symgauge.certify.claim import Claim


def counts_directions(note: Any) -> bool:
    return isinstance(note, str) and " null directions are implicit" in note


def implicit_note(claim: Claim, tensors: Sequence[str]) -> list[str]:
    """The note on null directions without a generator: as many as a claim leaves unexplained."""
    if claim.unexplained <= 0:
        return []
    said = f"{claim.unexplained} null directions are implicit: no generator found; "
    said += f"they move {', '.join(tensors)}" if tensors else (
        "each tensor alone moves as under the generators, all together do not")
    return [said]
