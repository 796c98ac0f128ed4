"""symgauge prove: run the proofs of a checkout."""

from __future__ import annotations

import argparse

from symgauge.cli.console import terminal
from symgauge.cli.options import Commands


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser("prove", help="run the proofs of a checkout")
    parser.add_argument("files", metavar="FILE", nargs="*", help="default: every file of proofs/")
    parser.add_argument("--latex", metavar="DIR", help="write one document of the proofs")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.theorem.runner import prove_files

    return prove_files(options.files, options.latex, options.json, terminal())
