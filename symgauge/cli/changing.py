"""What the commands share that change weights along their orbit: recipe, canonicalise, reduce."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from symgauge.cli.audit import STATUS
from symgauge.cli.console import showing_progress, terminal
from symgauge.cli.inputs import named_target
from symgauge.cli.options import TARGET, add_sizes, seed
from symgauge.cli.status import UNKNOWN
from symgauge.errors import BadInputError

if TYPE_CHECKING:
    from symgauge.capture import Target
    from symgauge.gauges.change import Change, Way
    from symgauge.progress import Progress


def add_weights(parser: argparse.ArgumentParser, name: str = "IN", goal: str = "") -> None:
    """TARGET, the weights before and after, and which program of the target is meant.

    `goal` are others that they are brought near to.
    """
    parser.add_argument("target", metavar="TARGET|derivation.json|full.json", help=TARGET)
    if goal:
        parser.add_argument("goal", metavar=goal, help="weights that stay as they are, likewise")
    parser.add_argument("source", metavar=name,
                        help="a safetensors file, or a directory of shards with an index")
    parser.add_argument("result", metavar="OUT", help="a file or directory, likewise")
    add_change(parser)


def add_change(
    parser: argparse.ArgumentParser, force: str = "overwrite the file that is there"
) -> None:
    """Which program of a target is meant, and how its weights may be changed."""
    add_sizes(parser)
    parser.add_argument("--seed", type=seed, default=0, help="seed of what is drawn (0)")
    parser.add_argument("--force", action="store_true", help=force)


def run_way(options: argparse.Namespace, title: str, way: Callable[[], Way]) -> int:
    """Move the weights; the exit status. `way` is asked once torch may be imported."""
    require_new(options)
    with showing_progress() as progress, redirect_stdout(sys.stderr):
        target = named_target(options)
        change = changed_files(options, target, way(), progress)
    written = options.result if change.is_same else None
    if options.json:
        print(json.dumps({"written": written, **change.to_json()}, indent=1))
    else:
        print_change(change, title, written)
    return status_of(change)


def require_new(options: argparse.Namespace) -> None:
    """Raises BadInputError where a file would be overwritten that may not be."""
    if os.path.lexists(options.result) and not options.force:
        raise BadInputError(
            f"cannot write {options.result}: it is there; --force overwrites a file")


def changed_files(
    options: argparse.Namespace, target: Target, way: Way, progress: Progress
) -> Change:
    """The weights that the options name, moved."""
    from symgauge.gauges.change import Asked, change_files

    asked = Asked(options.observable, options.output, options.seed, progress)
    return change_files(way, target, options.source, Path(options.result), asked)


def status_of(change: Change) -> int:
    """The exit status of a change."""
    return UNKNOWN if change.measured is None else STATUS[change.measured.verdict]


def print_change(change: Change, title: str, written: str | None) -> None:
    from rich.table import Table

    console = terminal()
    if change.measured is None:
        said = f"{title}: nothing is done, and nothing is written."
    else:
        m = change.measured
        said = (
            f"{title}: {m.verdict}. In float64 the outputs change by {m.drift:.2g}, and rounding "
            f"changes them by {m.floor:.2g}; as stored by {m.stored:.2g} and {m.rounding:.2g} (of "
            "a channel's largest entry, on random inputs). "
            + (f"Written to {written}." if written else "Nothing is written."))
    console.print(said, markup=False, highlight=False)
    table = Table("what", "how", box=None, pad_edge=False)
    for what, several in (("done", change.outcome.done), ("left", change.outcome.left)):
        for words, count in _alike(several):
            table.add_row(what, words + (f" ({count} alike)" if count > 1 else ""))
    if table.row_count:
        console.print(table, markup=False)


def _alike(several: Iterable[str]) -> Iterator[tuple[str, int]]:
    """Sentences that differ in the numbers of layers alone, once, with how many there are."""
    found: dict[str, list[str]] = {}
    for words in several:
        found.setdefault(re.sub(r"(?<=\.)\d+(?=\.)", "*", words), []).append(words)
    for pattern, same in found.items():
        yield same[0] if len(same) == 1 else pattern, len(same)
