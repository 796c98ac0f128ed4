"""symgauge apply: move weights along the derived symmetries."""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from symgauge.cli.inputs import read_record, require_intact, target_again, target_of_record
from symgauge.cli.options import Commands, seed
from symgauge.cli.status import HOLDS
from symgauge.errors import BadInputError

if TYPE_CHECKING:
    from symgauge.derivation.element import GroupElement
    from symgauge.weights.moving import Record, Weights


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser("apply", help="move weights along the derived symmetries")
    parser.add_argument("file", metavar="derivation.json|full.json")
    parser.add_argument("source", metavar="in.safetensors",
                        help="a safetensors file, or a directory of shards with an index")
    parser.add_argument("result", metavar="out.safetensors", help="a file or directory, likewise")
    parser.add_argument("--seed", type=seed, default=0, help="seed of the group element (0)")
    parser.add_argument(
        "--family", metavar="LABEL", action="append", default=[],
        help="move along this family alone (repeatable, in order): its label, or words that are in "
        "no other label")
    parser.add_argument(
        "--element", metavar="ELEMENT", action="append", default=[],
        help="the element of each --family: random (the default), identity, hadamard, a "
        "safetensors file with one tensor, or fix:PARAMETER=VALUE, which brings a parameter to "
        "a value")
    parser.add_argument(
        "--discrete", action="store_true",
        help="random permutations and signs too, each held against the function at IN (checked)")
    parser.add_argument("--force", action="store_true", help="overwrite what is there")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    if options.element and len(options.element) != len(options.family):
        raise BadInputError(
            f"{len(options.element)} --element for {len(options.family)} --family: give one for "
            "each, or none")
    record, result = read_record(options.file), Path(options.result)
    try:
        from symgauge.weights.checkpoint import open_checkpoint
        from symgauge.weights.moving import Weights, element_for, move_files
    except ImportError as error:
        raise BadInputError(f"apply needs torch ({error}); install symgauge[torch]") from error

    weights = Weights(open_checkpoint(options.source))
    if os.path.lexists(result) and not options.force:
        raise BadInputError(f"cannot write {result}: it is there; --force overwrites it")
    require_intact(record, options.file)
    words = options.element or ["random"] * len(options.family)
    element = element_for(record, weights, options.seed, list(zip(options.family, words)))
    element, discrete = _discrete(options, record, weights, element)
    text = record.target
    target = None if text is None else lambda: target_again(text, record.sizes)
    moved = move_files(record, element, weights, result, target)
    if options.json:
        print(json.dumps({
            "moved": moved.changed, "tied": moved.tied, "alike": moved.alike,
            "seed": options.seed, "discrete": discrete, "written": options.result}))
        return HOLDS
    print(f"{len(moved.changed)} of {len(weights)} tensors moved, written to {options.result}")
    for name, other in moved.tied.items():
        print(f"{name} is {other} by another name, and was moved alike")
    for name, other in moved.alike.items():
        print(f"{name} holds the entries of {other}, and is another tensor: it stays as it is")
    for words in discrete:
        print(f"{words}: checked on random inputs, not proved")
    return HOLDS


def _discrete(
    options: argparse.Namespace, record: Record, weights: Weights, element: GroupElement
) -> tuple[GroupElement, list[str]]:
    """The element with random permutations and signs where they are asked for, and their words."""
    if not options.discrete:
        return element, []
    import numpy as np

    from symgauge.gauges.discrete import shuffled
    from symgauge.gauges.gauge import Walk
    from symgauge.gauges.symmetries import families_of, require_sizes, whole_program
    from symgauge.gauges.trial import Trial

    require_sizes(record, weights.checkpoint)
    target = target_of_record(record, options.file)
    whole = whole_program(target, record.observable, record.output)
    stored = all(p.name in weights for p in whole.parameters)
    families = families_of(record, whole if stored else None)
    with Trial(target, weights, record.observable, record.output) as trial:
        return shuffled(
            Walk(families, weights, trial), element, np.random.default_rng(options.seed))
