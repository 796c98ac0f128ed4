"""symgauge certify: certify a derivation anew, without hypotheses on values."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from symgauge.cli.console import plain, showing_progress, terminal
from symgauge.cli.inputs import read_derivation
from symgauge.cli.options import Commands, add_evidence, seed
from symgauge.cli.status import STATUS


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "certify", help="certify a derivation anew, without hypotheses on values",
        description="Certify the rank of J of a derivation by a minor in real balls at one "
                    "rational point (--balls), or along power series from a point where "
                    "exponentials, logarithms and erf are known numbers (--series: faster, and "
                    "reaches larger networks, but not every one): no hypothesis on values is "
                    "left. The verdict becomes PROVED where only such hypotheses stood "
                    "in the way; else what is left is at most P - rank J. The file is replaced, "
                    "or written to --output; derivation.tex is not printed again.",
    )
    parser.add_argument("file", metavar="derivation.json")
    add_evidence(parser, required=True)
    parser.add_argument("--output", metavar="FILE", help="file to write (derivation.json itself)")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the point (0)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.files import write_atomically
    from symgauge.report.table import print_verification

    before = read_derivation(options.file)
    with showing_progress() as progress:
        after, verification = before.certified(options.evidence, options.seed, progress)
    path = options.output or options.file
    write_atomically(Path(path), after.to_json())
    if options.json:
        record = {
            "written": path, **after.certificate.precision,
            "seconds": after.seconds[options.evidence],
            "before": {k: before.data[k] for k in ("rank", "unexplained", "hypotheses", "verdict")},
            **{k: after.data[k] for k in ("parameters", "rank", "redundancy", "orbit_dimension",
                                          "unexplained", "closed")},
            **verification.to_json(),
        }
        print(json.dumps(record, indent=1))
    else:
        console = terminal()
        print_verification(verification, console)
        lines = [f"before: {before.verdict.value}, rank J = {before.rank}"]
        lines += [f"before, hypothesis: {text}" for text in before.hypotheses]
        for line in (*lines, f"written to {path}"):
            console.print(plain(line), highlight=False, markup=False, soft_wrap=True)
    return STATUS[verification.verdict]
