"""symgauge verify: verify a derivation.json or full.json, and say what is left open."""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from symgauge.cli.console import showing_progress, terminal
from symgauge.cli.inputs import read_equivalence, read_record, target_again, target_of
from symgauge.cli.options import Commands
from symgauge.cli.status import KERNEL_STATUS, REFUTED, STATUS
from symgauge.errors import BadInputError
from symgauge.progress import Progress

if TYPE_CHECKING:
    from symgauge.certify.verification import Verification
    from symgauge.derivation.full import FullDerivation
    from symgauge.derivation.derivation import Derivation


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "verify", help="verify what derive or equivalence --json wrote, and say what is left open",
        description="Decide anew what the file says, from the program that it carries: proofs, "
                    "ranks at points drawn here, families, algebra, discrete elements, planted "
                    "failures. What only the module tells (sizes, outputs, names) is printed as "
                    "not verified; with --target it is captured again. The ops, exact "
                    "arithmetic, the drawing of points, the prover and its lemmas are the code "
                    "that derived: an edited or false file is found, an error in that code is "
                    "not. The kernel, whose answer stands beside, shares nothing with it: it "
                    "is symgauge/kernel, which runs alone with numpy.",
    )
    parser.add_argument("file", metavar="derivation.json|full.json|equivalence.json")
    parser.add_argument("--kernel", action="store_true",
                        help="the kernel's answer alone: CONFIRMED, REFUTED or UNKNOWN")
    parser.add_argument("--target", metavar="TARGET",
                        help="capture TARGET again: the network, its sizes, outputs and names")
    parser.add_argument("--set", metavar="SIZE=VALUE", action="append", default=[],
                        help="a size of TARGET's factory (default: the derivation's sizes)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.derivation.derivation import Derivation
    from symgauge.report.table import print_verification

    algebra = read_equivalence(options.file)
    if algebra is not None:
        if options.kernel or options.target or options.set:
            raise BadInputError(
                "--kernel, --target and --set belong to a derivation.json, not to the record of "
                "an equivalence")
        from symgauge.equivalence.again import verified

        with showing_progress() as progress, redirect_stdout(sys.stderr):
            progress("verification")
            found = verified(algebra)
        if options.json:
            print(json.dumps(found.to_json(), indent=1))
        else:
            print_verification(found, terminal(), None)
        return STATUS[found.verdict]
    derivation = read_record(options.file)
    if options.set and not options.target:
        raise BadInputError("--set belongs to --target TARGET")
    if options.kernel and (options.target or not isinstance(derivation, Derivation)):
        raise BadInputError(
            "--kernel reads the certificate of a derivation.json; leave --target out, and give "
            "no full.json")
    with showing_progress() as progress, redirect_stdout(sys.stderr):
        confirmation = None
        if isinstance(derivation, Derivation):
            progress("kernel")
            confirmation = derivation.confirm()
        result = None if options.kernel else _verified(derivation, options, progress)
    if options.json:
        record = {} if result is None else result.to_json()
        print(json.dumps({
            **record, "kernel": None if confirmation is None else confirmation.to_json(),
        }, indent=1))
    else:
        print_verification(result, terminal(), confirmation)
    refuted = confirmation is not None and confirmation.verdict == "REFUTED"
    if result is None:
        assert confirmation is not None
        return KERNEL_STATUS[confirmation.verdict]
    # two readers that disagree: the answer is not that it holds
    return REFUTED if refuted else STATUS[result.verdict]


def _verified(
    derivation: Derivation | FullDerivation, options: argparse.Namespace, progress: Progress
) -> Verification:
    target = None
    if options.target:
        target = target_of(options.target, options.set) if options.set else target_again(
            options.target, derivation.sizes)
    progress("verification")
    return derivation.verify(target)
