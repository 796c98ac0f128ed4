"""x where x > 0, else alpha (exp(rate x) - 1), all times a scale."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from symgauge.program.notation import function
from symgauge.program.op import Composite
from symgauge.program.sample import Sample
from symgauge.program.writer import Value, Writer


class Elu(Composite):
    """scale x where x > 0, else scale alpha (exp(rate x) - 1)."""

    name = "elu"
    aten = ("elu.default",)
    opaque = True
    rational_attrs = ("alpha", "scale", "rate")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Value:
        """alpha, scale and input_scale are attributes."""
        given = dict(zip(("alpha", "scale", "input_scale"), args[1:]), **kwargs)
        alpha, scale, rate = (
            build.fraction(given.get(k, 1)) for k in ("alpha", "scale", "input_scale")
        )
        return build.apply("elu", args[0], alpha=alpha, scale=scale, rate=rate)

    def expand(self, build: Writer, *xs: Value, **attrs: Any) -> Value:
        on = build.apply("step", xs[0])
        off = build.add(build.scale(on, -1), 1)
        fall = build.add(build.apply("exp", build.scale(xs[0], attrs["rate"])), -1)
        value = build.add(build.mul(on, xs[0]), build.mul(off, build.scale(fall, attrs["alpha"])))
        return build.scale(value, attrs["scale"])

    def latex(self, *inputs: str, **attrs: Any) -> str:
        symbols = {"alpha": r"\alpha", "scale": r"\mathrm{scale}", "rate": r"\mathrm{rate}"}
        return function("elu", inputs[0], {
            symbols[k]: (attrs[k], Fraction(1)) for k in self.rational_attrs})

    def samples(self) -> Iterator[Sample]:
        yield Sample("elu.default", (Sample.Tensor((2, 3)),))
        yield Sample("elu.default", (Sample.Tensor((2, 3)), 1.5, 1.25, 0.5))
