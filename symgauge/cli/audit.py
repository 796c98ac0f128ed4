"""symgauge audit: did a change of weights leave the function alone, and if not, what spoilt it?"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from symgauge.cli.console import showing_progress, terminal
from symgauge.cli.inputs import named_target
from symgauge.cli.options import TARGET, Commands, add_checkpoints, add_sizes
from symgauge.cli.status import HOLDS, REFUTED, UNKNOWN

if TYPE_CHECKING:
    from symgauge.audits.answer import Audit

STATUS = {"EQUIVALENT": HOLDS, "DIFFERENT": REFUTED, "UNKNOWN": UNKNOWN}


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "audit", help="decide whether changed weights are the same function; name what is wrong",
        description="Hold AFTER against BEFORE: EQUIVALENT (0) with the element of the symmetries "
        "that carries one to the other, DIFFERENT (1) with the tensors at fault and what they "
        "must be, UNKNOWN (2).")
    parser.add_argument("target", metavar="TARGET|derivation.json|full.json", help=TARGET)
    add_checkpoints(parser, "BEFORE", "AFTER", "the changed weights, likewise")
    add_sizes(parser)
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    result = audited(options)
    if options.json:
        print(json.dumps(result.to_json(), indent=1))
    else:
        _print(result)
    return STATUS[result.verdict]


def audited(options: argparse.Namespace) -> Audit:
    """The audit that a command line asks for."""
    with showing_progress() as progress, redirect_stdout(sys.stderr):
        target = named_target(options)
        from symgauge.audits.audit import audit
        from symgauge.weights.checkpoint import open_checkpoint

        return audit(
            target, open_checkpoint(options.before), open_checkpoint(options.after),
            observable=options.observable, output=options.output, progress=progress)


def _print(result: Audit) -> None:
    from symgauge.audits.text import rows

    console = terminal()
    console.print(str(result), markup=False, highlight=False)
    found = rows(result)
    if found:
        from rich.table import Table

        table = Table("what", "tensors", "how", box=None, pad_edge=False)
        for row in found:
            table.add_row(*row)
        console.print(table, markup=False)
