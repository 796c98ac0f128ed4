"""symgauge zoo: list the architectures that come with symgauge."""

from __future__ import annotations

import argparse
import json

from symgauge.cli.console import terminal
from symgauge.cli.options import Commands
from symgauge.cli.status import HOLDS


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser("zoo", help="list the architectures that come with symgauge")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.zoo import listing

    entries = listing()
    if options.json:
        print(json.dumps(entries, indent=1))
        return HOLDS
    from rich.table import Table

    table = Table("name", "what", "small sizes", "P", "redundancy")
    for e in entries:
        sizes = ", ".join(f"{k}={v}" for k, v in e["sizes"].items())
        table.add_row(e["name"], e["summary"], sizes, str(e["parameters"]), str(e["redundancy"]))
    terminal().print(table)
    return HOLDS
