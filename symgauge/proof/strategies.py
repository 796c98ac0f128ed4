"""How a proof line by line reads the lines of a program: what is tried in turn."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Strategy:
    """How lines are read: folded where they can be, by ops' own rules, unmoved ones as symbols."""

    fold: bool
    closed: bool
    opaque: bool
    #: Terms up to which an unmoved sum or product stays expanded.
    short: int
    #: Whether contractions of parameters alone are among these.
    alone: bool = False
    #: Whether a root of what a selection takes is what it takes of the roots.
    by_cases: bool = False


#: What is tried in turn. The first that proves the identity ends the search.
STRATEGIES = (
    Strategy(True, True, True, 12), Strategy(True, True, True, 256),
    Strategy(False, True, True, 64), Strategy(True, True, True, 64, True),
    Strategy(False, False, False, 0), Strategy(True, True, True, 256, by_cases=True),
)
