"""symgauge reduce: entries of the parameters that may be fixed, and weights with these fixed."""

from __future__ import annotations

import argparse
import json
import os
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from symgauge.cli.changing import add_change, changed_files, print_change, require_new, status_of
from symgauge.cli.console import showing_progress, terminal
from symgauge.cli.derive import derived, derived_full
from symgauge.cli.inputs import named_target, read_record, require_intact
from symgauge.cli.options import TARGET, Commands
from symgauge.cli.status import STATUS, UNKNOWN
from symgauge.errors import BadInputError

if TYPE_CHECKING:
    from symgauge.derivation.derivation import Derivation
    from symgauge.derivation.full import FullDerivation
    from symgauge.progress import Progress


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "reduce", help="entries that may be fixed without a loss, as many as orbits' dimensions",
        description="Choose entries of the parameters that the derived group brings to 0 or 1, one "
        "for each dimension of its orbits, and prove that no redundant direction is left (at small "
        "sizes; at full sizes it is said of the families). With IN and OUT the weights are brought "
        "there by an element of the group, run and measured; entries that no finite action brings "
        "anywhere stay as they are. Status 0: proved (and the weights EQUIVALENT, with every entry "
        "fixed); 2: something is left open, and said.")
    parser.add_argument("target", metavar="TARGET|derivation.json|full.json", help=TARGET)
    parser.add_argument("source", metavar="IN", nargs="?",
                        help="a safetensors file, or a directory of shards with an index")
    parser.add_argument("result", metavar="OUT", nargs="?", help="a file or directory, likewise")
    parser.add_argument("--full", action="store_true",
                        help="at the full sizes, by the families: no certificate of completeness")
    parser.add_argument("--out", metavar="DIR", help="folder for reduction.json, every entry in it")
    add_change(parser, "overwrite the file that is there; derive beyond 10 minutes or 8 GiB too")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    if (options.source is None) != (options.result is None):
        raise BadInputError("IN is given without OUT: name the file to write too")
    if options.result is not None:
        require_new(options)
    if options.out and Path(options.out).exists() and not Path(options.out).is_dir():
        raise BadInputError(f"--out {options.out} is a file; name a folder")
    try:
        from symgauge.sections.reduction import reduce, settled_json
        from symgauge.weights.checkpoint import open_checkpoint
    except ImportError as error:
        raise BadInputError(f"reduce needs torch ({error}); install symgauge[torch]") from error
    if options.source is not None:
        open_checkpoint(options.source)  # before minutes of deriving
    with showing_progress() as progress, redirect_stdout(sys.stderr):
        record = _record(options, progress)
        progress("section")
        found = reduce(record)
        change = None if options.source is None else changed_files(
            options, named_target(options), found.way, progress)
    said: dict[str, Any] = found.to_json(every=bool(options.out or options.json))
    status = STATUS[found.verdict]
    written = None
    if change is not None:
        written = options.result if change.is_same else None
        said["weights"] = {
            "written": written, **change.to_json(),
            "entries": settled_json(change.outcome.settled)}
        missing = sum(len(e) for e, _ in change.outcome.settled.values()) < found.count
        status = status_of(change) if not change.is_same else UNKNOWN if missing else status
    if options.out:
        from symgauge.files import write_atomically

        write_atomically(Path(options.out) / "reduction.json", json.dumps(said) + "\n")
    if options.json:
        print(json.dumps(said))
        return status
    from symgauge.report.reduction import print_reduction

    print_reduction(said, terminal())
    if change is not None:
        print_change(change, "reduce", written)
    if options.out:
        print(f"written to {os.path.join(options.out, 'reduction.json')}")
    return status


def _record(
    options: argparse.Namespace, progress: Progress
) -> Derivation | FullDerivation:
    """The record that is named, or that of the TARGET."""
    if options.target.endswith(".json"):
        if options.full or options.set or options.output or options.observable != "logits":
            raise BadInputError(
                "--full, --set, --output and --observable belong to a TARGET, not to a record")
        record = read_record(options.target)
        progress("verification")
        require_intact(record, options.target)
        return record
    return derived_full(options, progress) if options.full else derived(options, progress)
