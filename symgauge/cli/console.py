"""What is told on the terminal: progress, complaints, names made safe."""

from __future__ import annotations

import contextlib
import os
import re
import sys
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from symgauge.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console


def complain(error: Exception | str, status: int) -> int:
    """One sentence on standard error; the status is handed on. Of several processes one speaks."""
    if os.environ.get("LOCAL_RANK", "0") == "0":
        print(f"symgauge: {plain(error)}", file=sys.stderr)
    return status


def plain(text: object) -> str:
    """One line for standard error. Names are data: no control characters for the terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    encoding = sys.stderr.encoding or "ascii"
    return shown.encode(encoding, "replace").decode(encoding)


@contextlib.contextmanager
def showing_progress(stages: Sequence[str] = ()) -> Iterator[Progress]:
    """Progress on standard error: a spinner on a terminal, else a line per stage.

    The stages that there are come first. Where a stage counts, as in "3 of 12", the time that is
    left is told, as long as it goes on as before.
    """
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    if stages:
        print(f"symgauge: {', '.join(stages)}", file=sys.stderr)
    start = time.perf_counter()
    stage = Stage()
    if console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(Text(
                f"{plain(text)} ({time.perf_counter() - start:.0f} s{stage.left(text)})"))
        return

    def line(text: str) -> None:
        if stage.is_new(text):
            print(f"symgauge: {plain(text)}", file=sys.stderr)

    yield line


class Stage:
    """The stage that runs, and what it counted first."""

    def __init__(self) -> None:
        self._head, self._start, self._first = "", 0.0, 0

    def is_new(self, text: str) -> bool:
        """Whether the text is of another stage than the one before."""
        head = re.split(r"\d| of ", text, maxsplit=1)[0]
        if head == self._head:
            return False
        counted = re.search(r"(\d+) of \d+", text)
        self._head, self._start = head, time.perf_counter()
        self._first = int(counted[1]) if counted else 0
        return True

    def left(self, text: str) -> str:
        """", about 12 s left" where the text counts and enough is done to tell; else nothing."""
        counted = re.search(r"(\d+) of (\d+)", text)
        if self.is_new(text) or counted is None:
            return ""
        done, total = int(counted[1]), int(counted[2])
        spent = time.perf_counter() - self._start
        if done <= self._first or done > total or spent < 1:
            return ""
        return f", about {spent * (total - done) / (done - self._first):.0f} s left"


def terminal() -> Console:
    """Standard output, 80 columns wide where it is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 80)
