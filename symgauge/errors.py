"""What can go wrong: one class for each kind of failure a caller may want to tell apart.

A message says what was asked, what was found, and what to do. What is merely undecided is no
error: it is `Verdict.UNKNOWN` (symgauge.verdict).

>>> issubclass(UnsupportedOpError, BadInputError), issubclass(InconsistentError, BadInputError)
(True, False)
"""

__all__ = [
    "BadInputError",
    "CaptureError",
    "FlowError",
    "InconsistentError",
    "SizeError",
    "SymgaugeError",
    "TargetError",
    "UndecidedError",
    "UnsupportedOpError",
]


class SymgaugeError(Exception):
    """Any error that symgauge raises on purpose; catch this one to catch them all."""


class BadInputError(SymgaugeError):
    """What was given cannot be used; nothing was derived and nothing was refuted."""


class TargetError(BadInputError):
    """The target names no file, module or factory, or its factory returns something else."""


class CaptureError(BadInputError):
    """The module cannot be captured as a network, or the captured network is not its function."""


class UnsupportedOpError(BadInputError):
    """The module uses an operation without a rule; the message names the file to add."""


class FlowError(BadInputError):
    """A flow cannot be integrated; the message says where: the time and the norm of the state."""


class SizeError(BadInputError):
    """The sizes are impossible, or the work they ask for is above the limits."""


class InconsistentError(SymgaugeError):
    """Two exact facts contradict each other: a generator, a hypothesis or a certificate is false.

    For instance rank J + rank G > P, which no set of true generators can reach.
    """


class UndecidedError(InconsistentError):
    """A hypothesis of the arithmetic failed before anything was claimed: nothing was refuted."""


def first_line(error: BaseException) -> str:
    """The first line of its text, and the one behind a colon; its type where it has none."""
    text = str(error).strip().splitlines() or [type(error).__name__]
    more = f" {text[1].strip()}" if text[0].endswith(":") and len(text) > 1 else ""
    return (text[0] + more)[:200]
