"""symgauge align: bring weights near to others over their orbit."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from symgauge.cli.changing import add_weights, run_way
from symgauge.cli.options import Commands

if TYPE_CHECKING:
    from symgauge.gauges.change import Way


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "align", help="bring weights B near to weights A over B's orbit, for merging",
        description="Move B along its orbit, by matrices, numbers, shifts and orders, so that the "
        "sum of squares of its differences from A falls; the distance before and after is printed. "
        "Where it comes to rest need not be the nearest point.")
    add_weights(parser, "B", "A")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    def way() -> Way:
        from symgauge.gauges.align import towards
        from symgauge.weights.checkpoint import open_checkpoint

        return towards(open_checkpoint(options.goal))

    return run_way(options, "align", way)
