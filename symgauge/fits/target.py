"""The fit of a TARGET: each point is a derivation of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from symgauge.errors import BadInputError, SizeError, SymgaugeError
from symgauge.fits.fit import Fit, fit
from symgauge.fits.polynomial import Point
from symgauge.fits.predicted import FRESH
from symgauge.fits.search import Measured
from symgauge.fits.sizes import Size, at_sizes, chosen, parameters, varied
from symgauge.progress import Progress, silent
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture.target import Target
    from symgauge.derivation.derive import Asked


def fit_target(
    target: Target, names: Sequence[str] = (), *, output: str | int | None = None,
    observable: str = "logits", progress: Progress = silent, seconds: float | None = None,
    at: Mapping[str, int] | None = None,
) -> tuple[Fit, list[str]]:
    """The polynomial around the TARGET's sizes, and why some sizes were not varied.

    `names`: the sizes to vary (all integer ones); `seconds` of the processor after which no further
    size is derived, of which so much is kept that fresh sizes are begun; `at`: sizes at which the
    polynomial is asked for, those not named as published (in FULL) or, without, as they are. Raises
    SizeError for a name that is no size and a value of `at` that the variables do not take,
    BadInputError where nothing can be varied or no polynomial fits, and what a derivation raises at
    the sizes of the TARGET itself.
    """
    from symgauge.derivation.derive import Asked, captured_target, claim_of_target

    begun = time.process_time()
    there = None if at is None else {**target.full_sizes, **at}
    for name in (*names, *(at or ())):
        if name not in target.sizes:
            raise SizeError(f"{target.text} has no size {name!r}; it has: "
                            + (", ".join(target.sizes) or "none"))
    asked = Asked(target.name, output, observable, progress=progress)
    target = _start(target, asked)
    progress("sizes that may be varied")
    sizes, kept = varied(target, names)
    if not sizes:
        captured_target(target, asked)  # a factory that fails at its own sizes says why
        raise BadInputError(
            f"{target.text} has no integer size that takes three values near its own"
            + (": " + "; ".join(kept) if kept else ""))
    start, far = at_sizes(sizes, target.sizes), None if there is None else at_sizes(sizes, there)
    longest = 0.0

    def derive(point: Point) -> Measured | None:
        nonlocal longest
        before = time.process_time()
        try:
            found = claim_of_target(
                target.at(chosen(sizes, point)), output=output, observable=observable)
        except SymgaugeError:
            if point == start:
                raise
            return None
        finally:
            longest = max(longest, time.process_time() - before)
        return Measured(found.redundancy, found.verdict is Verdict.PROVED)

    def cost(point: Point) -> int:
        return parameters(target, chosen(sizes, point)) or 0

    def late(share: float) -> bool:
        if seconds is None:
            return False
        spent = time.process_time() - begun
        # what is begun before the fresh sizes ends in time for these
        return spent > share * seconds or (
            share < 1 and spent + (1 + FRESH) * longest > seconds)

    labels, values = [s.label for s in sizes], [s.values for s in sizes]
    found = fit(labels, values, start, derive, cost, progress, late)
    return replace(found, asked=far), [*kept, *_elsewhere(target, sizes, there or {})]


def _elsewhere(
    target: Target, sizes: Sequence[Size], there: Mapping[str, object]
) -> Iterator[str]:
    """Sizes that are not varied and have another value where the polynomial is asked for."""
    used = {name for s in sizes for name in (s.name, s.over)}
    for name, value in there.items():
        here = target.sizes[name]
        if name not in used and value != here:
            yield f"{name} is {here} wherever the fit looked, {value} at the sizes asked for"


def _start(target: Target, asked: Asked) -> Target:
    """The target where a derivation of it would look, and from there on at the sizes of each point.

    Nobody chose the small sizes of a published model: a derivation takes a larger vocabulary where
    that leaves less. Full sizes are not asked for.
    """
    from symgauge.derivation.derive import captured_target
    from symgauge.derivation.larger import without_accidents

    target = replace(target, full=None, written=None)
    if not target.chose:
        made = partial(captured_target, asked=asked)
        target = without_accidents(made(target), made).target
    return replace(target, published=None, growing=())
