"""symgauge converse: an upper bound on the redundancy, from the outputs down."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout

from symgauge.cli.console import showing_progress, terminal
from symgauge.cli.inputs import network_of, target_of
from symgauge.cli.options import TARGET, Commands, add_sizes
from symgauge.cli.status import HOLDS, UNKNOWN


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "converse", help="for which sizes the families of TARGET are all symmetries there are")
    parser.add_argument("target", metavar="TARGET", help=TARGET)
    add_sizes(parser)
    parser.add_argument("--full", action="store_true", help="at the full sizes (FULL of TARGET)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status: 2 where nothing says that all is known."""
    from symgauge.completeness.complete import Extent, completeness
    from symgauge.report.completeness import print_completeness

    with showing_progress() as progress, redirect_stdout(sys.stderr):
        target = target_of(options.target, options.set)
        if options.full:
            target = target.at(target.full_sizes)
        progress("module")
        network = network_of(target, options, progress)
        progress("sweep")
        found = completeness(network)
    if options.json:
        print(json.dumps({"name": target.name, "target": target.text,
                          "sizes": dict(target.sizes), **found.plain()}, indent=1))
    else:
        print_completeness(found.plain(), target.name, terminal())
    return UNKNOWN if found.extent is Extent.OPEN else HOLDS
