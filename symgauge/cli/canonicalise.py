"""symgauge canonicalise: bring weights to the representative of their orbit."""

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
        "canonicalise", help="bring weights to the representative of their orbit",
        description="Unit gains, balanced and diagonal bases, sorted indices, fixed signs: two "
        "points of one orbit have one representative up to rounding, as far as the printed gauges "
        "go. What has none is printed as left.")
    add_weights(parser)
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    def way() -> Way:
        from symgauge.gauges.canonical import canonical

        return canonical

    return run_way(options, "canonicalise", way)
