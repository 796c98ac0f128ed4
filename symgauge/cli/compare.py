"""symgauge compare: one function by a symmetry or not, and how far apart the weights are if not."""

from __future__ import annotations

import argparse
import json
from math import isnan

from symgauge.cli import audit
from symgauge.cli.console import terminal
from symgauge.cli.options import TARGET, Commands, add_checkpoints, add_sizes


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "compare", help="gauge-equivalent or not, by which element, and how far apart where not",
        description="Hold B against A as `audit` does, and say how far the tensors are apart once "
        "the symmetries have brought A as near as the fit finds: a bound on the distance of the "
        "two orbits.")
    parser.add_argument("target", metavar="TARGET|derivation.json|full.json", help=TARGET)
    add_checkpoints(parser, "A", "B", "likewise")
    add_sizes(parser)
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    result = audit.audited(options)
    far = sorted(((d, n) for n, d in result.distances.items()), reverse=True)
    if options.json:
        from symgauge.audits.answer import plain_number

        print(json.dumps({**result.to_json(), "distances": {
            n: plain_number(d) for d, n in far}}, indent=1))
        return audit.STATUS[result.verdict]
    from rich.table import Table

    from symgauge.audits.text import element_rows, extra_rows

    console = terminal()
    apart = "No element was fitted" if isnan(result.distance) else (
        f"Distance {result.distance:.2g} of the tensors' size")
    console.print(
        f"{result.verdict}: {result.ground}. {apart}, drift of the outputs {result.drift:.2g}, "
        f"floor {result.floor:.2g}.",
        markup=False, highlight=False)
    table = Table("what", "tensors", "how", box=None, pad_edge=False)
    for row in element_rows(result):
        table.add_row(*row)
    for distance, name in far[:8]:
        table.add_row("apart by", name, f"{distance:.2g}")
    for row in extra_rows(result):
        table.add_row(*row)
    if table.row_count:
        console.print(table, markup=False)
    return audit.STATUS[result.verdict]
