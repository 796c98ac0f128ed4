"""The fit of a TARGET: each point is a derivation of its own."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import TYPE_CHECKING

from symgauge.errors import BadInputError, SizeError, SymgaugeError
from symgauge.fits.fit import Fit, Measured, fit
from symgauge.fits.polynomial import Point
from symgauge.fits.sizes import chosen, parameters, varied
from symgauge.progress import Progress, silent
from symgauge.verdict import Verdict

if TYPE_CHECKING:
    from symgauge.capture.target import Target


def fit_target(
    target: Target, names: Sequence[str] = (), *, output: str | int | None = None,
    observable: str = "logits", progress: Progress = silent,
) -> tuple[Fit, list[str]]:
    """The polynomial around the TARGET's sizes, and why some sizes were not varied.

    `names`: the sizes to vary (all integer ones). Raises SizeError for a name that is no size,
    BadInputError where nothing can be varied or no polynomial fits.
    """
    from symgauge.derivation.derive import derive_target

    for name in names:
        if name not in target.sizes:
            raise SizeError(f"{target.text} has no size {name!r}; it has: "
                            + (", ".join(target.sizes) or "none"))
    progress("sizes that may be varied")
    sizes, kept = varied(target, names)
    if not sizes:
        raise BadInputError(
            f"{target.text} has no integer size that takes three values near its own"
            + (": " + "; ".join(kept) if kept else ""))

    def derive(point: Point) -> Measured | None:
        with contextlib.suppress(SymgaugeError):
            found = derive_target(
                target.at(chosen(sizes, point)), output=output, observable=observable)
            return Measured(found.claim.redundancy, found.claim.verdict is Verdict.PROVED)
        return None

    def cost(point: Point) -> int:
        return parameters(target, chosen(sizes, point)) or 0

    def here(name: str) -> int:
        return int(str(target.sizes[name]))

    start = tuple(here(s.name) // (1 if s.over is None else here(s.over)) for s in sizes)
    labels, values = [s.label for s in sizes], [s.values for s in sizes]
    return fit(labels, values, start, derive, cost, progress), kept
