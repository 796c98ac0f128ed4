"""Stop: where the sweep ends, and why."""

from __future__ import annotations


class Stop(Exception):
    """No converse is stated for a line; the words say what it would need."""

    def __init__(self, line: int, law: str, reason: str) -> None:
        super().__init__(reason)
        self.line = line
        self.law = law
        self.reason = reason
