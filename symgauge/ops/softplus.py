"""log(1 + exp(beta x)) / beta."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from symgauge.network.builder import Builder, Value
from symgauge.network.op import Composite, Sample


class Softplus(Composite):
    """log(1 + exp(beta x)) / beta."""

    name = "softplus"
    aten = ("softplus.default",)
    opaque = True
    rational_attrs = ("beta",)

    def capture(self, build: Builder, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The threshold above which torch returns x is rounding, not mathematics: dropped."""
        beta = args[1] if len(args) > 1 else kwargs.get("beta", 1)
        return build.apply("softplus", args[0], beta=build.fraction(beta))

    def expand(self, build: Builder, *xs: Value, **attrs: Any) -> Value:
        beta = attrs["beta"]
        inner = build.add(build.apply("exp", build.scale(xs[0], beta)), 1)
        return build.scale(build.apply("log", inner), 1 / beta)

    def latex(self, *inputs: str, **attrs: Any) -> str:
        return rf"\operatorname{{softplus}}({inputs[0]})"

    def samples(self) -> Iterator[Sample]:
        yield Sample("softplus.default", (Sample.Tensor((2, 3)),))
        yield Sample("softplus.default", (Sample.Tensor((2, 3)), 2.0))
