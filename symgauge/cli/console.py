"""What is told on the terminal: progress, complaints, names made safe."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from symgauge.progress import Progress

if TYPE_CHECKING:
    from rich.console import Console


def complain(error: Exception | str, status: int) -> int:
    """One sentence on standard error; the status is handed on."""
    print(f"symgauge: {plain(error)}", file=sys.stderr)
    return status


def plain(text: object) -> str:
    """One line for standard error. Names are data: no control characters for the terminal."""
    shown = "".join(c if c.isprintable() else "?" for c in " ".join(str(text).split()))
    encoding = sys.stderr.encoding or "ascii"
    return shown.encode(encoding, "replace").decode(encoding)


@contextlib.contextmanager
def showing_progress() -> Iterator[Progress]:
    """Progress on standard error: a spinner on a terminal, else a line per stage."""
    from rich.console import Console
    from rich.text import Text

    console = Console(stderr=True)
    start = time.perf_counter()
    if console.is_terminal:
        with console.status("") as status:
            yield lambda text: status.update(
                Text(f"{plain(text)} ({time.perf_counter() - start:.0f} s)")
            )
        return
    last = ""

    def line(text: str) -> None:
        nonlocal last
        head = text.split(" of ")[0]
        if head != last:
            last = head
            print(f"symgauge: {plain(text)}", file=sys.stderr)

    yield line


def terminal() -> Console:
    """Standard output, 80 columns wide where it is no terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 80)
