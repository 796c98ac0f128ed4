"""symgauge legs: list the legs (index spaces) of TARGET, at any size."""

from __future__ import annotations

import argparse
import json
import sys
import time
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Any

from symgauge.cli.console import showing_progress, terminal
from symgauge.cli.inputs import network_of, target_of
from symgauge.cli.options import TARGET, Commands, add_sizes
from symgauge.cli.status import HOLDS
from symgauge.progress import Progress

if TYPE_CHECKING:
    from symgauge.capture import Target


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "legs", help="list the legs (index spaces) of TARGET, at any size: no weights are allocated"
    )
    parser.add_argument("target", metavar="TARGET", help=TARGET)
    add_sizes(parser)
    parser.add_argument("--full", action="store_true", help="at the full sizes (FULL of TARGET)")
    parser.add_argument(
        "--pruning", action="store_true",
        help="JSON: which slices of which tensors go together, running statistics included where "
        "the program reads them (evaluation mode); `left_out` names what has no place")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    from symgauge.report.legs import print_legs

    with showing_progress() as progress, redirect_stdout(sys.stderr):
        target = target_of(options.target, options.set)
        if options.full:
            target = target.at(target.full_sizes)
        progress("module")
        record = (_pruning if options.pruning else _listed)(target, options, progress)
    if options.json or options.pruning:
        print(json.dumps(record, indent=1))
    else:
        print_legs(record, terminal())
    return HOLDS


def _listed(target: Target, options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """The legs with their names and places."""
    from symgauge.report.legs import NOT_CHECKED
    from symgauge.spaces.roles import named_legs

    start = time.perf_counter()
    network = network_of(target, options, progress)
    progress("legs")
    return {
        "name": target.name, "target": target.text, "sizes": dict(target.sizes),
        "observable": options.observable, "parameters": network.num_coordinates,
        "tensors": len(network.parameters), "nodes": len(network.nodes),
        "legs": named_legs(network), "fidelity": NOT_CHECKED,
        "seconds": round(time.perf_counter() - start, 3),
    }


def _pruning(target: Target, options: argparse.Namespace, progress: Progress) -> dict[str, Any]:
    """Which slices of which tensors go together, statistics that a checkpoint holds included."""
    from symgauge.spaces.pruning import pruning_groups
    from symgauge.gauges.symmetries import whole_program

    network = whole_program(target, options.observable, options.output)
    progress("legs")
    groups = pruning_groups(network)
    return {
        "name": target.name, "target": target.text, "sizes": dict(target.sizes),
        "groups": groups,
        "left_out": _left_out(target, {p["parameter"] for g in groups for p in g["places"]}),
        "fidelity": "read off the exported graph, which was not compared with the module"}


def _left_out(target: Target, placed: set[str]) -> list[str]:
    """Tensors with axes that a checkpoint holds and no group places: integers, what is not read."""
    from symgauge.gauges.symmetries import aliases_of
    from symgauge.capture import build_without_weights
    from symgauge.weights.running import tensors_of

    tied = aliases_of(target)
    placed = placed | {n for n in tied if tied[n] in placed}
    return [n for n, t in tensors_of(build_without_weights(target)[0]).items()
            if t.ndim and n not in placed]
