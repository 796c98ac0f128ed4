"""The command line: derive, equivalence, check, verify, certify, apply, legs, prove, zoo, ...

Exit status: 0 what was asked holds; 1 refuted, inconsistent, a failed check or a rejected
certificate; 2 unknown; 3 bad input; 4 an internal error; 130 interrupted.
"""

from __future__ import annotations

import argparse
import gc
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from symgauge.cli import (
    align, apply, audit, canonicalise, certify, check, check_claim, compare, converse, derive,
    equivalence, fit, legs, prove, recipe, reduce, spread, verify, zoo,
)
from symgauge.cli.console import complain
from symgauge.cli.options import Parser
from symgauge.cli.status import BAD_INPUT, HOLDS, INTERNAL, INTERRUPTED, REFUTED, UNKNOWN
from symgauge.errors import BadInputError, InconsistentError, SymgaugeError, UndecidedError

#: The commands, in the order of the help.
COMMANDS = (
    derive, equivalence, check, verify, certify, audit, compare, apply, recipe, canonicalise,
    align, reduce, spread, fit, legs, converse, prove, check_claim, zoo,
)


def _parser() -> argparse.ArgumentParser:
    parser = Parser(
        prog="symgauge",
        description="Derive, prove, certify and check the gauge symmetries of neural networks.",
        epilog="Exit status: 0 holds, 1 refuted or failed, 2 unknown, 3 bad input, 4 internal "
               "error, 130 interrupted.",
    )
    parser.add_argument("--version", action="version", version=_version())
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for command in COMMANDS:
        command.register(commands).add_argument(
            "--json", action="store_true", help="one JSON record on standard output")
    return parser


def _version() -> str:
    from symgauge import __version__

    return f"symgauge {__version__}"


@contextmanager
def _no_interrupt_lost() -> Iterator[None]:
    """One that meets a callback of a weak reference is swallowed there: it is sent again."""
    before = sys.unraisablehook

    def hook(unraisable: Any) -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            # a signal, and no `interrupt_main`: that one waits for the end of a sleep
            main_thread = threading.main_thread().ident or 0
            threading.Timer(0.01, signal.pthread_kill, (main_thread, signal.SIGINT)).start()
        else:
            before(unraisable)

    sys.unraisablehook = hook
    try:
        yield
    finally:
        sys.unraisablehook = before


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status."""
    # graphs are many objects and stay: looked through for cycles seldom
    gc.set_threshold(20_000, 10, 10)
    try:
        options = _parser().parse_args(arguments)
    except SystemExit as stop:
        return int(stop.code or 0)
    try:
        with _no_interrupt_lost():
            status: int = options.run(options)
        sys.stdout.flush()
        return status
    except UndecidedError as error:
        return complain(error, UNKNOWN)
    except InconsistentError as error:
        return complain(error, REFUTED)
    except SymgaugeError as error:
        return complain(error, BAD_INPUT if isinstance(error, BadInputError) else INTERNAL)
    except KeyboardInterrupt:
        print("symgauge: interrupted", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return HOLDS
    except Exception as error:
        if os.environ.get("SYMGAUGE_TRACEBACK"):
            raise
        text = (str(error).splitlines() or [""])[0]
        return complain(
            f"internal error: {type(error).__name__}: {text}; please report it with the command "
            "(SYMGAUGE_TRACEBACK=1 shows where)", INTERNAL,
        )
