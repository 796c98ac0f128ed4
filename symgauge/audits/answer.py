"""The record of an audit."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symgauge.audits.blame import Blame


@dataclass(frozen=True)
class Audit:
    """The answer: its verdict, on what it rests, and the facts of the record.

    >>> Audit("EQUIVALENT", "every tensor is the same, bit by bit", 0.0, 0.0, tensors=4)
    Audit(EQUIVALENT: every tensor is the same, bit by bit)
    """

    verdict: str
    ground: str
    drift: float
    floor: float
    families: list[dict[str, Any]] = field(default_factory=list)
    blame: list[Blame] = field(default_factory=list)
    unchanged: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    discrete: list[dict[str, Any]] = field(default_factory=list)
    extra: list[dict[str, Any]] = field(default_factory=list)
    #: The relative distance of each tensor that moved, from where the element carries it.
    distances: dict[str, float] = field(default_factory=dict)
    moved: int = 0
    tensors: int = 0

    def __repr__(self) -> str:
        return f"Audit({self.verdict}: {self.ground})"

    def __str__(self) -> str:
        """The verdict, its ground, what was measured, the change that would have been right."""
        said = [
            f"{self.verdict}: {self.ground}. {self.moved} of {self.tensors} tensors moved; "
            f"drift {self.drift:.2g}, floor {self.floor:.2g} (of the largest entry of an output's "
            "channel)."]
        for blame in self.blame[:3]:
            where = f" ({blame.slice})" if blame.slice else ""
            said.append(f"{blame.tensor}{where}: {blame.reason}.")
        extra = [e["tensor"] for e in self.extra if not e["same"]]
        if extra:
            said.append(
                f"Not read by TARGET, and not the same in both: {', '.join(extra[:3])}.")
        return " ".join(said)

    @property
    def distance(self) -> float:
        """Root mean square over the tensors of their distances after the fitted element.

        Of two points of one orbit it is rounding. An upper bound on the distance of two orbits:
        another element may bring them nearer. NaN where none was fitted.
        """
        if not self.tensors:
            return 0.0
        if self.moved and not self.distances:  # the fit was not made
            return float("nan")
        return float(np.sqrt(sum(d * d for d in self.distances.values()) / self.tensors))

    def to_json(self) -> dict[str, Any]:
        """The record, as plain data."""
        return {
            "verdict": self.verdict, "ground": self.ground, "drift": plain_number(self.drift),
            "floor": plain_number(self.floor), "families": self.families,
            "blame": [b.to_json() for b in self.blame], "unchanged": self.unchanged,
            "outside": self.outside, "discrete": self.discrete, "extra": self.extra,
            "distance": plain_number(self.distance), "moved": self.moved, "tensors": self.tensors,
        }


def plain_number(x: float) -> float | None:
    """A number as JSON has it: None where it is not finite."""
    return x if np.isfinite(x) else None
