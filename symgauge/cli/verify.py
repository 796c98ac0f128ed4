"""symgauge verify: verify a derivation.json or full.json, and say what is left open."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout

from symgauge.cli.console import showing_progress, terminal
from symgauge.cli.inputs import read_record, target_of
from symgauge.cli.options import Commands
from symgauge.cli.status import STATUS
from symgauge.errors import BadInputError


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "verify", help="verify a derivation.json or full.json, and say what is left open",
        description="Decide anew what the file says, from the program that it carries: proofs, "
                    "ranks at points drawn here, families, algebra, discrete elements, planted "
                    "failures. What only the module tells (sizes, outputs, names) is printed as "
                    "not verified; with --target it is captured again. The ops, exact "
                    "arithmetic, the drawing of points, the prover and its lemmas are the code "
                    "that derived: an edited or false file is found, an error in that code is not.",
    )
    parser.add_argument("file", metavar="derivation.json|full.json")
    parser.add_argument("--target", metavar="TARGET",
                        help="capture TARGET again: the network, its sizes, outputs and names")
    parser.add_argument("--set", metavar="SIZE=VALUE", action="append", default=[],
                        help="a size of TARGET's factory (default: the derivation's sizes)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.report.table import print_verification

    derivation = read_record(options.file)
    if options.set and not options.target:
        raise BadInputError("--set belongs to --target TARGET")
    with showing_progress() as progress, redirect_stdout(sys.stderr):
        target = None
        if options.target:
            target = target_of(options.target, options.set)
            if not options.set:
                target = target.at(derivation.sizes)
        progress("verification")
        result = derivation.verify(target)
    if options.json:
        print(json.dumps(result.to_json(), indent=1))
    else:
        print_verification(result, terminal())
    return STATUS[result.verdict]
