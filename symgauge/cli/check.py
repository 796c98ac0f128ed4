"""symgauge check: run the generated numeric checks, under torchrun in as many processes."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from symgauge.cli.console import showing_progress
from symgauge.cli.derive import derived, derived_full
from symgauge.cli.inputs import is_of_configuration, read_record, require_intact
from symgauge.cli.options import TARGET, Commands, add_sizes, seed
from symgauge.errors import BadInputError

if TYPE_CHECKING:
    from symgauge.derivation.full import FullDerivation


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser("check", help="run the generated numeric checks")
    parser.add_argument("target", metavar="TARGET|derivation.json|full.json", help=TARGET)
    add_sizes(parser)
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="float64", choices=("float64", "float32", "bfloat16"))
    parser.add_argument("--size", default="small", choices=("small", "full"))
    parser.add_argument("--seed", type=seed, default=0, help="seed of model and elements (0)")
    parser.add_argument("--checkpoint", metavar="FILE", help="weights (safetensors) to use")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.derivation.derivation import Derivation

    derivation: Derivation | FullDerivation
    several = "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("WORLD_SIZE") != "1"
    if several and not options.target.endswith(".json"):
        raise BadInputError(
            "several processes check what one has derived: run symgauge derive "
            f"{options.target} --full first, and give its full.json")
    if options.target.endswith(".json"):
        derivation = read_record(options.target)
        if options.set or options.output or options.observable != "logits":
            raise BadInputError(
                "--set, --output and --observable belong to a TARGET, not to a derivation.json"
            )
        require_intact(derivation, options.target)
    else:
        with showing_progress() as progress:
            # a configuration has its full sizes, whose group needs no exact derivation
            full = options.size == "full" and is_of_configuration(options.target)
            derivation = (derived_full if full else derived)(options, progress)
    if (options.size == "full" and isinstance(derivation, Derivation)
            and derivation.full_sizes is None):
        raise BadInputError(
            f"{derivation.name} has no FULL sizes; put a dict FULL beside its factory"
        )
    with tempfile.TemporaryDirectory(prefix="symgauge-") as folder:
        path = Path(folder) / "check.py"
        path.write_text(derivation.check_text(), encoding="utf-8")
        record = Path(folder) / "record.json"
        command = [
            sys.executable, str(path), "--device", options.device, "--dtype", options.dtype,
            "--size", options.size, "--seed", str(options.seed), "--json", str(record),
        ]
        if options.checkpoint:
            command += ["--checkpoint", options.checkpoint]
        # a package beside us is found by the check as it was found here
        paths = [os.getcwd(), *filter(None, [os.environ.get("PYTHONPATH")])]
        done = subprocess.run(
            command, stdout=subprocess.DEVNULL if options.json else None, check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        )
        if options.json and record.exists():
            sys.stdout.write(record.read_text(encoding="utf-8"))
    return 130 if done.returncode < 0 else done.returncode
