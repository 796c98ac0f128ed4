"""symgauge equivalence: the diffeomorphisms that keep the family of a vector field."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout
from pathlib import Path

from symgauge.cli.console import showing_progress, terminal
from symgauge.cli.inputs import target_of
from symgauge.cli.options import Commands, natural, seed
from symgauge.cli.status import STATUS
from symgauge.errors import BadInputError


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "equivalence", help="the diffeomorphisms that keep the family of a vector field TARGET")
    parser.add_argument(
        "target", metavar="TARGET",
        help="as for derive; the module is v(t, x) or v(x), or holds one OdeFlow")
    parser.add_argument("--set", metavar="SIZE=VALUE", action="append", default=[],
                        help="a size of the factory (repeatable)")
    parser.add_argument("--degree", type=natural, default=1, help="degree of xi in x (1)")
    parser.add_argument("--time-degree", type=natural, default=0,
                        help="degree of xi in t (0)")
    parser.add_argument("--time-change", action="store_true",
                        help="t may change too; motion along worldlines is divided out")
    parser.add_argument("--moving", action="store_true",
                        help="parameters may depend on t")
    parser.add_argument("--latex", metavar="FILE", help="write the proved elements")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the points (0)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.equivalence.algebra import equivalence_algebra
    from symgauge.files import write_atomically
    from symgauge.report.table import print_equivalence

    with showing_progress() as progress, redirect_stdout(sys.stderr):
        progress("capture")
        target = target_of(options.target, options.set)
        module, args, kwargs = target.build()
        if kwargs:
            raise BadInputError("a vector field takes no keyword arguments: (t, x) or (x)")
        found = equivalence_algebra(
            module, state=args, degree=options.degree, time_degree=options.time_degree,
            time_change=options.time_change, moving=options.moving, name=target.name,
            seed=options.seed, progress=progress,
        )
    if options.latex:
        write_atomically(Path(options.latex), found.to_latex())
    if options.json:
        sys.stdout.write(found.printed())
    else:
        print_equivalence(found.data, terminal())
    return STATUS[found.verdict]
