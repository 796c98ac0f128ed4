"""symgauge check-claim: check claims numerically, at full size."""

from __future__ import annotations

import argparse
import importlib.util
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from symgauge.cli.options import Commands, seed
from symgauge.cli.status import HOLDS, INTERRUPTED
from symgauge.errors import BadInputError


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser("check-claim", help="check claims numerically, at full size")
    parser.add_argument("claims", metavar="CLAIM", nargs="*",
                        help="C2, C2', C5 or a name of --list (default: all of them)")
    parser.add_argument("--list", action="store_true", help="list the claims and stop")
    parser.add_argument("--out", metavar="DIR", help="folder for test_<name>.py and <name>.json")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"))
    parser.add_argument("--dtype", default="float64", choices=("float64", "float32"))
    parser.add_argument("--size", default="small", choices=("small", "full", "gpu"))
    parser.add_argument("--seed", type=seed, default=0, help="seed of fields and maps (0)")
    parser.add_argument("--plot", action="store_true", help="also <name>.png in --out (matplotlib)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.checks.claims import claim_head, claim_names, find_claims

    asked = options.claims or claim_names()
    names = list(dict.fromkeys(name for text in asked for name in find_claims(text)))
    if options.list:
        heads = [claim_head(name) for name in names]
        if options.json:
            print(json.dumps(heads, indent=1))
        else:
            for head in heads:
                print(f"{head['claim']:4} {head['name']:15} {head['title']}"[:80])
        return HOLDS
    if options.plot and not options.out:
        raise BadInputError("--plot writes its pictures into --out; name a folder")
    if options.out and Path(options.out).exists() and not Path(options.out).is_dir():
        raise BadInputError(f"--out {options.out} is a file; name a folder")
    missing = [m for m in ("torch", "torchdiffeq") if importlib.util.find_spec(m) is None]
    if missing:
        raise BadInputError(f"check-claim needs {missing[0]}; install symgauge[torch,ode]")
    with tempfile.TemporaryDirectory(prefix="symgauge-") as folder:
        runs = [_run_claim(name, Path(options.out or folder), options) for name in names]
    if options.json:
        print(json.dumps([record for _, record in runs if record is not None], indent=1))
    # what could not be run outweighs what failed
    return max(status for status, _ in runs)


def _run_claim(name: str, folder: Path, options: argparse.Namespace) -> tuple[int, Any]:
    """Writes one check of a claim and runs it: exit status and record (None if it made none)."""
    from symgauge.checks.claims import emit_claim
    from symgauge.files import write_atomically

    path, record = folder / f"test_{name}.py", folder / f"{name}.json"
    write_atomically(path, emit_claim(name))
    record.unlink(missing_ok=True)  # one of an earlier run must not pass for this one's
    command = [
        sys.executable, str(path), "--device", options.device, "--dtype", options.dtype,
        "--size", options.size, "--seed", str(options.seed), "--json", str(record),
    ]
    if options.plot:
        command += ["--plot", str(folder / f"{name}.png")]
    done = subprocess.run(
        command, stdout=subprocess.DEVNULL if options.json else None, check=False
    )
    status = INTERRUPTED if done.returncode < 0 else done.returncode
    return status, json.loads(record.read_text("utf-8")) if record.exists() else None
