"""log(1 + exp(beta x)) / beta."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from symgauge.errors import CaptureError
from symgauge.program.notation import function
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer

#: The threshold of torch's softplus, if none is given.
THRESHOLD = 20
#: What the scope says of it.
EXACT = "softplus is log(1 + exp(b x)) / b for all x, though torch returns x where b x > 20"


class Softplus(Composite):
    """log(1 + exp(beta x)) / beta."""

    name = "softplus"
    converse = "smooth"
    aten = ("softplus.default",)
    opaque = True
    rational_attrs = ("beta",)

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """x where beta x is above a threshold; that of 20 is rounding (a change below 3e-9)."""
        given = dict(zip(("beta", "threshold"), args[1:]), **kwargs)
        x, beta = args[0], build.fraction(given.get("beta", 1))
        threshold = build.fraction(given.get("threshold", THRESHOLD))
        if not beta:
            raise CaptureError("softplus with beta 0 is infinite")
        smooth = build.apply("softplus", x, beta=beta)
        if threshold == THRESHOLD:
            build.note(EXACT)
            return smooth
        above = build.apply("step", build.add(build.scale(x, beta), -threshold))
        rest = build.add(build.scale(above, -1), 1)
        return build.add(build.mul(above, x), build.mul(rest, smooth))

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        beta = attrs["beta"]
        inner = build.add(build.apply("exp", build.scale(xs[0], beta)), 1)
        return build.scale(build.apply("log", inner), 1 / beta)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return function("softplus", inputs[0], {r"\beta": (attrs["beta"], Fraction(1))})

    def samples(self) -> Iterator[Sample]:
        yield Sample("softplus.default", (Sample.Tensor((2, 3)),))
        yield Sample("softplus.default", (Sample.Tensor((2, 3)), 2.0))
        yield Sample("softplus.default", (Sample.Tensor((2, 3)), 2.0, 0.5))
        yield Sample("softplus.default", (Sample.Tensor((2, 3)),), {"threshold": -0.25})
