"""log(1 / (1 + exp(-x)))."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from symgauge.program.op import Rewrite
from symgauge.program.sample import Sample
from symgauge.program.writer import Writer


class LogSigmoid(Rewrite):
    """log sigmoid(x) = -softplus(-x): smooth, though torch computes it with a branch."""

    name = "log_sigmoid"
    aten = ("log_sigmoid.default", "log_sigmoid_forward.default")

    def capture(self, build: Writer, overload: str, *args: Any, **kwargs: Any) -> Any:
        """The second result of the forward form is a buffer for the backward pass."""
        x = build.scale(args[0], -1)
        value = build.scale(build.apply("softplus", x, beta=Fraction(1)), -1)
        return (value, None) if "forward" in overload else value

    def samples(self) -> Iterator[Sample]:
        yield Sample("log_sigmoid.default", (Sample.Tensor((2, 3)),))
