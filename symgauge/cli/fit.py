"""symgauge fit: the redundancy of TARGET as a polynomial in its sizes, fitted on certificates."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Sequence
from contextlib import redirect_stdout
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from symgauge.cli.console import showing_progress
from symgauge.cli.inputs import target_of
from symgauge.cli.options import TARGET, Commands, add_sizes, natural
from symgauge.cli.status import HOLDS, REFUTED, UNKNOWN
from symgauge.errors import BadInputError

if TYPE_CHECKING:
    from symgauge.fits.fit import Fit
    from symgauge.fits.polynomial import Point


def register(commands: Commands) -> argparse.ArgumentParser:
    """The command and its options."""
    parser = commands.add_parser(
        "fit", help="TARGET's redundancy as a polynomial in its sizes, fitted on certificates",
        description="Derive and certify TARGET at sizes around its own, fit the redundancies by a "
        "polynomial exactly, predict two sizes that the fit has not seen, certify them. Evidence "
        "and no proof: status 0 where both came out as predicted, 1 where one did not, 2 where "
        "fewer than two could be certified. --set chooses where the fit starts: a bound between "
        "sizes (head_dim <= embed_dim) ends it, and what is beyond has a fit of its own.")
    parser.add_argument("target", metavar="TARGET", help=TARGET)
    add_sizes(parser)
    parser.add_argument("--sizes", metavar="A,B,...",
                        help="the sizes to vary (default: all that are integers)")
    parser.add_argument("--seconds", metavar="N", type=natural,
                        help="begin no further size after N seconds of the processor, fresh ones "
                        "included: where that is short, the first of --sizes alone are varied")
    parser.add_argument("--at", metavar="A=N,...",
                        help="what the polynomial says at these sizes, the others as they are "
                        "published (in FULL); --at full: all of them")
    parser.set_defaults(run=run)
    return parser


def run(options: argparse.Namespace) -> int:
    """Run the command and return the exit status."""
    names = [] if options.sizes is None else _names(options.sizes)
    at = None if options.at is None else _sizes(options.at)
    with showing_progress() as progress, redirect_stdout(sys.stderr):
        target = target_of(options.target, options.set)
        from symgauge.fits.target import fit_target

        found, kept = fit_target(
            target, names, output=options.output, observable=options.observable, progress=progress,
            seconds=options.seconds, at=at)
    if options.json:
        print(json.dumps(_record(found, kept, found.asked), indent=1))
    else:
        print("\n".join([*_lines(found, found.asked), *kept]))
    if not all(p.holds for f in (found, *found.sides) for p in f.predictions):
        return REFUTED
    return HOLDS if found.holds else UNKNOWN


def _names(text: str) -> list[str]:
    """The sizes of --sizes. Raises BadInputError where there is an empty one or one twice."""
    names = text.split(",")
    if not all(names) or len(set(names)) < len(names):
        raise BadInputError(f"--sizes {text}: write A,B,... with each size once")
    return names


def _sizes(text: str) -> dict[str, int]:
    """The sizes of --at. Raises BadInputError where one is no natural number, or comes twice."""
    found: dict[str, int] = {}
    for one in () if text == "full" else text.split(","):
        name, _, value = one.partition("=")
        if not name or name in found or not value.isdecimal():
            raise BadInputError(f"--at {text}: write full, or A=N,B=M with each size once")
        found[name] = int(value)
    return found


def _said(names: Sequence[str], at: Sequence[int]) -> str:
    return ", ".join(f"{n} = {v}" for n, v in zip(names, at, strict=True))


def _lines(found: Fit, there: Point | None) -> Iterator[str]:
    yield f"redundancy = {found.polynomial}"
    yield f"fitted on {len(found.points)} certified sizes, not proved; " + ", ".join(
        f"{n} in {{{', '.join(map(str, r))}}}"
        for n, r in zip(found.names, found.ranges, strict=True))
    if found.untried:
        yield (f"the time was over (--seconds) before {', '.join(found.untried)} could be varied: "
               "fitted at the size of the start alone")
    if there is not None:
        yield (f"at {_said(found.names, there)}: {found.polynomial(there)}, "
               f"fitted on {len(found.points)} sizes, not proved")
    for p in found.predictions:
        what = "as predicted" if p.holds else f"PREDICTED {p.predicted}"
        yield f"fresh: {_said(found.names, p.at)}: {p.found} certified, {what}"
    if not found.tried:
        yield "no fresh size was tried: none is left on this side of a bound, or no time"
    elif len(found.predictions) < 2:
        yield f"{len(found.predictions)} of 2 fresh sizes could be certified"
    for name, value, redundancy in found.beyond:
        yield (f"beyond a bound: with {name} = {value} alone changed the redundancy is "
               f"{redundancy}, certified: no value of one polynomial")
    for side in found.sides:
        yield f"beyond, from {_said(side.names, side.start)}:"
        yield from ("  " + line for line in _lines(
            replace(side, beyond=(), open=()), there))
    for at in found.open:
        yield f"not certified, not used: {_said(found.names, at)}"


def _record(found: Fit, kept: Sequence[str], there: Point | None) -> dict[str, Any]:
    asked = {} if there is None else {
        "asked": {"at": list(there), "fitted": str(found.polynomial(there))}}
    return asked | {
        "polynomial": str(found.polynomial), "evidence": f"fitted on {len(found.points)} sizes",
        "holds": found.holds, "names": list(found.names), "start": list(found.start),
        "ranges": [list(r) for r in found.ranges],
        "points": [{"at": list(p), "redundancy": v} for p, v in found.points.items()],
        "predictions": [
            {"at": list(p.at), "predicted": str(p.predicted), "certified": p.found}
            for p in found.predictions],
        "beyond": [{"size": n, "value": v, "redundancy": r} for n, v, r in found.beyond],
        "open": [list(p) for p in found.open], "kept": list(kept),
        "untried": list(found.untried),
        "sides": [_record(side, (), there) for side in found.sides],
    }
