"""symgauge apply: move weights along the derived symmetries."""

from __future__ import annotations

import argparse
import importlib
import json
from pathlib import Path
from typing import Any

from symgauge.cli.inputs import read_derivation, require_intact
from symgauge.cli.options import Commands, seed
from symgauge.cli.status import HOLDS
from symgauge.errors import BadInputError


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser("apply", help="move weights along the derived symmetries")
    parser.add_argument("file", metavar="derivation.json")
    parser.add_argument("source", metavar="in.safetensors")
    parser.add_argument("result", metavar="out.safetensors")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the group element (0)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.files import write_atomically

    derivation = read_derivation(options.file)
    tensors, header = _read_safetensors(options.source)
    require_intact(derivation, options.file)
    element = derivation.sample(options.seed, tensors)
    moved = element.apply(tensors)
    framework = "torch" if any(hasattr(t, "detach") for t in tensors.values()) else "numpy"
    save = importlib.import_module(f"safetensors.{framework}").save
    write_atomically(Path(options.result), save(moved, metadata=header))
    changed = sorted(n for n in tensors if (moved[n] != tensors[n]).any())
    if options.json:
        print(json.dumps({"moved": changed, "seed": options.seed, "written": options.result}))
    else:
        print(f"{len(changed)} of {len(tensors)} tensors moved, written to {options.result}")
    return HOLDS


def _read_safetensors(path: str) -> tuple[dict[str, Any], dict[str, str] | None]:
    try:
        from safetensors import SafetensorError, safe_open
    except ImportError as error:
        raise BadInputError("apply needs safetensors; install symgauge[torch]") from error
    if not Path(path).is_file():
        raise BadInputError(f"there is no file {path}")
    try:
        with safe_open(path, framework="numpy") as file:
            kinds = {file.get_slice(n).get_dtype() for n in file.keys()}
        # numpy has no bfloat16
        with safe_open(path, framework="pt" if "BF16" in kinds else "numpy") as file:
            tensors = {n: file.get_tensor(n) for n in file.keys()}
            return tensors, file.metadata()
    except (SafetensorError, TypeError, ValueError) as error:
        raise BadInputError(
            f"{path} is not a complete safetensors file of float or integer tensors ({error}); "
            "pickles are not read: save it with safetensors"
        ) from error
