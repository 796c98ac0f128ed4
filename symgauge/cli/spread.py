"""symgauge spread: is a quantity of weights the same along their orbit?"""

from __future__ import annotations

import argparse
import json

from symgauge.cli.inputs import read_record, require_intact
from symgauge.cli.options import Commands, seed
from symgauge.cli.status import HOLDS, REFUTED, UNKNOWN
from symgauge.errors import BadInputError

STATUS = {"EXACT": HOLDS, "DEPENDS": REFUTED, "UNKNOWN": UNKNOWN}


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "spread", help="whether a quantity of weights depends on the gauge, and on which symmetry",
        description="Move the weights by random elements of each derived family alone, and look at "
        "a Python function of them: EXACT within its rounding (0), DEPENDS with the families (1), "
        "UNKNOWN (2). A numeric finding; permutations and signs are not tried.")
    parser.add_argument("file", metavar="derivation.json|full.json")
    parser.add_argument("state", metavar="STATE",
                        help="a safetensors file, or a directory of shards with an index")
    parser.add_argument("quantity", metavar="FILE.py:function",
                        help="takes a state dict of float64 tensors, returns a number or tensor")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the group elements (0)")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    record = read_record(options.file)
    try:
        from symgauge.capture import load_function
        from symgauge.weights.checkpoint import open_checkpoint
        from symgauge.gauges.spread import orbit_spread
    except ImportError as error:
        raise BadInputError(f"spread needs torch ({error}); install symgauge[torch]") from error

    weights = open_checkpoint(options.state)
    quantity = load_function(options.quantity)
    require_intact(record, options.file)
    found = orbit_spread(
        record, {n: weights.tensor(n) for n in weights.shapes}, quantity, options.seed)
    if options.json:
        print(json.dumps({
            "verdict": found.verdict, "spread": _plain(found.spread), "floor": _plain(found.floor),
            "families": dict(found.families), "depends": list(found.depends),
            "untried": list(found.untried), "reason": found.reason}, indent=1))
        return STATUS[found.verdict]
    print(found)
    for label in found.untried:
        print(f"not tried, no finite action is known: {label}")
    return STATUS[found.verdict]


def _plain(x: float) -> float | None:
    return x if x == x else None
