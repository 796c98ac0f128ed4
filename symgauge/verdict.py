"""The three answers to a mathematical question; not for errors, and not for numeric residuals."""

from __future__ import annotations

from enum import Enum
from typing import NoReturn

__all__ = ["Verdict"]


class Verdict(Enum):
    """PROVED, REFUTED or UNKNOWN; UNKNOWN is neither of the others, so there is no truth value.

    A two-valued test would have to read UNKNOWN as one of the other two. Compare instead:

    >>> verdict = Verdict.UNKNOWN
    >>> verdict is Verdict.PROVED, verdict is Verdict.REFUTED
    (False, False)
    >>> if verdict: print("holds")
    Traceback (most recent call last):
        ...
    TypeError: a Verdict has no truth value: UNKNOWN is neither true nor false; \
compare with `is Verdict.PROVED` or `is Verdict.REFUTED`

    Its value is its name, as written in JSON:

    >>> Verdict("PROVED") is Verdict.PROVED, str(Verdict.PROVED)
    (True, 'PROVED')
    """

    PROVED = "PROVED"    #: Decided: the statement holds.
    REFUTED = "REFUTED"  #: Decided: the statement fails.
    UNKNOWN = "UNKNOWN"  #: Not decided, which says nothing about the statement.

    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"a Verdict has no truth value: {Verdict.UNKNOWN} is neither true nor false; "
            "compare with `is Verdict.PROVED` or `is Verdict.REFUTED`"
        )

    def __str__(self) -> str:
        return self.name
